"""`POST /api/v1/runs` under load: what one answer with 100 values costs the server."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from socket import create_server

import bulk
from floors import request
from installation import RUN, Installation
from outcome import Line, NotMeasured
from peers import Bao
from postgres import Postgres
from sampling import cpu_seconds, interleave, median, number, spread

CLIENTS = 8
# How many secrets of other workspaces are in the database besides the 100, and in which database.
DATABASES = [
    ("SQLite, nothing else", 0, False),
    ("SQLite", 1_000, False),
    ("SQLite", 100_000, False),
    ("PostgreSQL", 0, True),
]


@dataclass
class Target:
    """Something to ask."""

    port: int
    pid: int
    request: bytes


def measure(bench):
    with ExitStack() as stack:
        targets, missing = {}, []
        for database, others, on_postgres in DATABASES:
            others = min(others, bench.size.secrets)
            what = f"Vestry on {database}" + (f" and {others:,} secrets of other workspaces" if others else "")
            try:
                targets[what], answer = stack.enter_context(vestry(bench, others, on_postgres))
            except NotMeasured as why:
                if not on_postgres:
                    raise
                missing.append(Line(what, f"not measured: {why}"))
        floor = stack.enter_context(bench.floors.serve(answer))
        targets["floor"] = Target(floor.port, floor.pid, request("POST", "/", "x", RUN))
        try:
            targets["bao"] = stack.enter_context(openbao())
        except NotMeasured as why:
            missing.append(Line("OpenBao, one entry of 100 values", f"not measured: {why}"))

        def contestant(target, requests):
            return lambda: load(bench.floors, target, requests)

        interleave(1, {name: contestant(target, 50) for name, target in targets.items()})
        contestants = {name: contestant(target, bench.size.requests) for name, target in targets.items()}
        return [*lines(interleave(bench.size.passes, contestants)), *missing]


@contextmanager
def vestry(bench, others, on_postgres):
    with ExitStack() as stack:
        database = stack.enter_context(Postgres()) if on_postgres else None
        installation = stack.enter_context(Installation(bench.vestry, database=database))
        installation.hundred_secrets()
        if others:
            installation.fill(bulk.workspaces(-(-others // 100)), bulk.workspace_secrets(others))
        token = installation.workspace_token()
        answer = installation.run_answer(token)
        yield Target(installation.port, installation.pid, request("POST", "/api/v1/runs", token, RUN)), answer


@contextmanager
def openbao():
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Bao(port) as bao:
        yield Target(port, bao.pid, request("GET", "/v1/secret/data/bench", headers=[f"X-Vault-Token: {bao.token}"]))


def load(floors, target, requests):
    """(microseconds of the server's CPU for each request, requests a second, milliseconds of each)"""
    before = cpu_seconds(target.pid)
    seconds, each = floors.load(target.port, CLIENTS, requests, target.request)
    return (cpu_seconds(target.pid) - before) * 1e6 / requests, requests / seconds, each


def lines(results):
    cpu = {name: median([round[0] for round in rounds]) for name, rounds in results.items()}
    rate = {name: median([round[1] for round in rounds]) for name, rounds in results.items()}
    took = {name: [each for round in rounds for each in round[2]] for name, rounds in results.items()}

    def speed(name):
        return f"{rate[name]:,.0f} requests/s, {spread(took[name], 'ms')}"

    for name in results:
        if name in ("floor", "bao"):
            continue
        yield Line(f"{name}: CPU of the control plane for each request", f"{number(cpu[name])} µs",
                   f"C floor {number(cpu['floor'])} µs", "≤ 250 µs (stretch 130)", cpu[name] <= 250)
        yield Line(f"{name}: speed", speed(name), f"C floor {speed('floor')}")
    if "bao" in results:
        what = "OpenBao, one entry of 100 values, in memory: CPU for each read"
        yield Line(what, f"{number(cpu['bao'])} µs", speed("bao"))
