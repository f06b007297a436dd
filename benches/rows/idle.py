"""What Vestry takes when nothing happens, and how soon it is there."""

import time
from contextlib import ExitStack
from pathlib import Path

import bulk
from floors import request
from installation import LAB, Installation, answers
from outcome import Line, NotMeasured
from sampling import children, interleave, median, memory, number, spread, until

SUPERVISED = 5


def measure(bench):
    with ExitStack() as stack:
        installation = stack.enter_context(Installation(bench.vestry))
        installation.hundred_secrets()
        count = bench.size.secrets
        installation.fill(bulk.workspaces(-(-count // 100)), bulk.workspace_secrets(count))
        floor = stack.enter_context(bench.floors.serve(b"{}"))
        starts = interleave(bench.size.rounds, {"vestry": lambda: restart(installation), "floor": lambda: serve(bench)})
        lines = list(lines_of_starts(bench, count, starts))
        try:
            return [*lines_of_memory(bench, installation, floor), *lines]
        except NotMeasured as why:
            return [Line("memory", f"not measured: {why}"), *lines]


def lines_of_memory(bench, installation, floor):
    yield plane("control plane, just started", installation, floor)
    listing = request("GET", f"/api/v1{LAB}/secrets", installation.token)
    bench.floors.load(installation.port, 8, bench.size.requests * 5, listing)
    time.sleep(2)
    yield plane("control plane, idle after a load of requests", installation, floor)

    for name in [f"server-{place}" for place in range(SUPERVISED)]:
        installation.do("POST", f"{LAB}/servers", {"name": name, "command": ["sleep", "infinity"]})
        installation.do("POST", f"{LAB}/servers/{name}/start")
    installation.all_servers_are("running")
    supervisors = [memory(pid) for pid in children(installation.pid) if role(pid) == b"supervise"]
    if len(supervisors) != SUPERVISED:
        raise RuntimeError(f"{len(supervisors)} supervisors of {SUPERVISED} servers")
    most = {kind: max(one[kind] for one in supervisors) for kind in supervisors[0]}
    yield Line(f"supervisor, the largest of {SUPERVISED}", shown(most), f"C floor {shown(memory(floor.pid))}",
               "PSS and private ≤ 3 MiB (goal 1)", max(most["PSS"], most["private"]) <= 3)


def plane(what, installation, floor):
    used = memory(installation.pid)
    return Line(what, shown(used), f"C floor {shown(memory(floor.pid))}", "RSS and PSS ≤ 40 MiB", used["RSS"] <= 40)


def shown(used):
    return ", ".join(f"{kind} {number(mib)}" for kind, mib in used.items()) + " MiB"


def role(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1]


def restart(installation):
    installation.stop()
    return installation.start() * 1000


def serve(bench):
    began = time.monotonic()
    with bench.floors.serve(b"{}") as floor:
        until("an answer", lambda: answers(floor.port, "/"), pause=0.0002)
        return (time.monotonic() - began) * 1000


def lines_of_starts(bench, count, results):
    took = median(results["vestry"])
    yield Line(f"from `vestry serve` to 200 of `/healthz`, {count:,} secrets in the database",
               spread(results["vestry"], "ms"), f"C floor {spread(results['floor'], 'ms')}", "≤ 200 ms", took <= 200)
    size = Path(bench.vestry).stat().st_size / 1e6
    yield Line("size of the program", f"{number(size)} MB", "", "≤ 30 MB", size <= 30)
