"""`vestry run -- /bin/true` beside the bare program, a C program that does the least, and doppler."""

from contextlib import ExitStack

from installation import Installation
from outcome import Line, NotMeasured
from peers import Doppler
from sampling import interleave, median, number, spread

TRUE = "/bin/true"
PEERS = {"doppler": "`doppler run`, without its fallback file", "fallback": "`doppler run`, with its fallback file"}


def measure(bench):
    with ExitStack() as stack:
        installation = stack.enter_context(Installation(bench.vestry))
        installation.hundred_secrets()
        token = installation.workspace_token()
        floor = stack.enter_context(bench.floors.serve(installation.run_answer(token)))
        plain = {"PATH": "/usr/bin:/bin", "HOME": str(installation.folder)}
        signed_in = plain | {"VESTRY_URL": f"http://127.0.0.1:{installation.port}", "VESTRY_TOKEN": token}
        commands = {
            "bare": ([TRUE], plain),
            "floor": ([bench.floors.program("exec"), str(floor.port), TRUE], plain),
            "vestry": ([bench.vestry, "run", "--", TRUE], signed_in),
        }
        try:
            doppler, missing = stack.enter_context(Doppler(bench.floors)), ""
            commands["doppler"] = (doppler.command("--no-fallback"), doppler.environment)
            commands["fallback"] = (doppler.command(), doppler.environment)
        except NotMeasured as why:
            missing = f"not measured: {why}"
        contestants = {
            name: lambda command=command, environment=environment: bench.floors.spawn(command, environment)
            for name, (command, environment) in commands.items()
        }
        interleave(3, contestants)
        return list(lines(interleave(bench.size.rounds, contestants), missing))


def lines(results, missing):
    wall = {name: [run[0] for run in runs] for name, runs in results.items()}
    bare = median(wall["bare"])
    added = {name: [took - bare for took in runs] for name, runs in wall.items()}
    limit = 2 * median(added["floor"]) + 1.5
    yield Line("`vestry run` adds to the bare program", spread(added["vestry"], "ms"),
               f"C floor adds {spread(added['floor'], 'ms')}", f"≤ 2 × floor + 1.5 ms = {number(limit)} ms",
               median(added["vestry"]) <= limit)
    cpu = {name: [run[1] for run in runs] for name, runs in results.items()}
    yield Line("its CPU, with the program's", spread(cpu["vestry"], "ms"),
               f"C floor {spread(cpu['floor'], 'ms')}", "≤ 4 ms", median(cpu["vestry"]) <= 4)
    peak = {name: max(run[2] for run in runs) for name, runs in results.items()}
    yield Line("its peak memory", f"{number(peak['vestry'])} MiB", f"C floor {number(peak['floor'])} MiB",
               "≤ 10 MiB", peak["vestry"] <= 10)
    yield Line("the bare program", spread(wall["bare"], "ms"))
    for name, what in PEERS.items():
        if name not in results:
            yield Line(what, missing)
            continue
        beside = f"CPU {number(median(cpu[name]))} ms, peak {number(peak[name])} MiB"
        yield Line(f"{what}, adds", spread(added[name], "ms"), beside)
