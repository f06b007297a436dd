"""Rounds, percentiles, and what a process has used."""

import random
import statistics
import time
from pathlib import Path

from outcome import NotMeasured


def interleave(rounds, contestants):
    """Runs every contestant once a round, each round in a new order; gives each one's results."""
    order = random.Random(1)
    results = {name: [] for name in contestants}
    for _ in range(rounds):
        for name in order.sample(list(contestants), len(contestants)):
            results[name].append(contestants[name]())
    return results


def percentile(samples, percent):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def median(samples):
    return statistics.median(samples)


def spread(samples, unit):
    """The median, and how bad it gets."""
    middle, late, last = median(samples), percentile(samples, 95), percentile(samples, 99)
    return f"{number(middle)} {unit} (p95 {number(late)}, p99 {number(last)})"


def number(value):
    """With three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cpu_seconds(pid):
    """The CPU time, user's and system's, of a process and all threads it ever had, in nanosecond steps."""
    return time.clock_gettime(~pid << 3 | 2)


def memory(pid):
    """What a process takes of the memory, in MiB: resident, its fair share, and what is its own alone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except PermissionError:
        # Vestry's processes hide it from everybody else, their own account too.
        raise NotMeasured("only root may look at the memory of Vestry's processes") from None
    kib = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
    own = kib["Private_Clean"] + kib["Private_Dirty"]
    return {"RSS": kib["Rss"] / 1024, "PSS": kib["Pss"] / 1024, "private": own / 1024}


def children(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def until(what, check, seconds=60, pause=0.001):
    """Asks again and again until the check gives something."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds} s")
        time.sleep(pause)
    return found
