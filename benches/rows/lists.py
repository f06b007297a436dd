"""Pages of 50 of long lists, from the beginning and from far in, beside the same of a small database."""

import json
from contextlib import ExitStack

import bulk
from floors import request
from installation import Installation
from outcome import Line, NotMeasured
from postgres import Postgres
from sampling import cpu_seconds, interleave, median, number, percentile, spread

ORGANIZATION = "/organizations/acme"
LISTS = {"organization secrets": "secrets", "workspaces": "workspaces", "audit events": "audit-events"}
DEPTHS = {"page 1": 0.0, "at 90 %": 0.9}
PAGE = 50
SMALL = {"secrets": 1_000, "workspaces": 1_000, "audit-events": 1_000}


def measure(bench):
    lines = []
    for database in ("SQLite", "PostgreSQL"):
        try:
            lines += of(bench, database)
        except NotMeasured as why:
            lines.append(Line(f"on {database}", f"not measured: {why}"))
    return lines


def of(bench, database):
    size = bench.size
    large = {"secrets": size.listed_secrets, "workspaces": size.listed_workspaces, "audit-events": size.events}
    with ExitStack() as stack:
        houses = {
            "small": house(stack, bench, database, SMALL, 0),
            "large": house(stack, bench, database, large, size.secrets),
        }
        contestants = {}
        for list_ in LISTS.values():
            for depth, share in DEPTHS.items():
                for name, (installation, counts) in houses.items():
                    path = page(installation, list_, int(counts[list_] * share))
                    ask = request("GET", f"/api/v1{ORGANIZATION}/{path}", installation.token)
                    contestants[list_, depth, name] = asking(bench, installation, ask)
                answer = stack.enter_context(bench.floors.serve(body(installation, path)))
                contestants[list_, depth, "floor"] = asking(bench, answer, ask)
        interleave(1, contestants)
        return list(lines(database, large, interleave(size.passes, contestants)))


def house(stack, bench, database, counts, others):
    """An installation with so many of everything."""
    server = stack.enter_context(Postgres()) if database == "PostgreSQL" else None
    installation = stack.enter_context(Installation(bench.vestry, database=server))
    installation.hundred_secrets()
    workspace_secrets = [bulk.workspace_secrets(others, each=-(-others // counts["workspaces"]))] if others else []
    installation.fill(
        bulk.workspaces(counts["workspaces"]),
        bulk.organization_secrets(counts["secrets"] - 50),
        bulk.audit_events(counts["audit-events"]),
        *workspace_secrets,
    )
    return installation, counts


def page(installation, list_, before):
    """The path of the page of 50 that comes after so many rows, found as everybody finds it: from page to page."""
    path = f"{list_}?limit={PAGE}"
    seen, cursor = 0, None
    while seen < before:
        step = min(200, before - seen)
        onward = f"&cursor={cursor}" if cursor else ""
        cursor = installation.do("GET", f"{ORGANIZATION}/{list_}?limit={step}{onward}")["next_cursor"]
        seen += step
    return path + (f"&cursor={cursor}" if cursor else "")


def body(installation, path):
    return json.dumps(installation.do("GET", f"{ORGANIZATION}/{path}"), separators=(",", ":")).encode()


def asking(bench, server, ask):
    """(microseconds of the server's CPU for each request, milliseconds of each)"""

    def once():
        before = cpu_seconds(server.pid)
        _, each = bench.floors.load(server.port, 1, bench.size.pages, ask)
        return (cpu_seconds(server.pid) - before) * 1e6 / bench.size.pages, each

    return once


def lines(database, counts, results):
    took = {name: [each for round in rounds for each in round[1]] for name, rounds in results.items()}
    for what, list_ in LISTS.items():
        for depth in DEPTHS:
            large, small, floor = (took[list_, depth, name] for name in ("large", "small", "floor"))
            ratio = percentile(large, 99) / percentile(small, 99)
            cpu = median([round[0] for round in results[list_, depth, "large"]])
            beside = f"small database {spread(small, 'ms')}; p99 {number(ratio)} ×; C floor {spread(floor, 'ms')}"
            yield Line(f"{database}: {PAGE} of {counts[list_]:,} {what}, {depth}",
                       f"{spread(large, 'ms')}, CPU {number(cpu)} µs", beside,
                       "p99 ≤ 10 ms and ≤ 1.3 × the small one's", percentile(large, 99) <= 10 and ratio <= 1.3)
