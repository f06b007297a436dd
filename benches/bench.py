#!/usr/bin/env python3
"""Measures a release build of Vestry beside the floors of this machine, and writes docs/performance.md.

usage: bench.py [--vestry PROGRAM] [--quick] [ROWS]      ROWS: some of run,runs,start,idle,lists,pages,change; all when missing
"""

import argparse
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import report
from floors import Floors
from outcome import Line, NotMeasured
from rows import change, idle, lists, pages, run, runs, start

os.chdir(Path(__file__).parent.parent)
RELEASE = os.environ.get("CARGO_TARGET_DIR", "target") + "/release/vestry"

ROWS = {
    "run": ("`vestry run -- /bin/true`, 100 secrets", run.measure),
    "runs": ("`POST /api/v1/runs` with 100 secrets, 8 keep-alive clients", runs.measure),
    "start": ("From the request until the program runs", start.measure),
    "idle": ("Memory, start and size", idle.measure),
    "lists": ("Lists, 50 rows a page, one keep-alive client", lists.measure),
    "pages": ("Pages, one keep-alive reader", pages.measure),
    "change": ("What a change of an organization secret means", change.measure),
}


@dataclass
class Size:
    """How much is measured."""

    rounds: int  # of programs that are started
    passes: int  # of requests
    requests: int  # for each target in each pass of `runs`
    pages: int  # for each list in each pass of `lists`
    secrets: int  # of other workspaces, where a database is large
    listed_secrets: int
    listed_workspaces: int
    events: int
    servers: int  # at once
    crowds: int  # how often so many are started
    running: int  # servers that a change makes stale
    streams: int  # that are told of it


FULL = Size(100, 20, 200, 50, 100_000, 1_000, 10_000, 1_000_000, 100, 5, 1_000, 1_000)
QUICK = Size(3, 3, 20, 10, 1_000, 1_000, 1_000, 2_000, 5, 2, 100, 20)


@dataclass
class Bench:
    """What every row needs."""

    vestry: str
    size: Size
    floors: Floors


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--vestry", default=RELEASE, help="the program to measure")
    words.add_argument("--quick", action="store_true", help="small numbers and no report: only to see that it works")
    words.add_argument("rows", nargs="?", default=",".join(ROWS), metavar="ROWS", help="with commas between them")
    asked = words.parse_args()
    rows = asked.rows.split(",")
    if unknown := set(rows) - set(ROWS):
        words.error(f"no such row: {' '.join(sorted(unknown))}; there are {' '.join(ROWS)}")
    # So that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    floors = Floors(Path("target/bench/floors").resolve())
    bench = Bench(str(Path(asked.vestry).resolve()), QUICK if asked.quick else FULL, floors)

    sections, failed = {}, False
    for row in rows:
        title, measure = ROWS[row]
        print(f"measuring {row} …", file=sys.stderr, flush=True)
        circumstances = report.circumstances()
        try:
            lines = measure(bench)
        except NotMeasured as why:
            lines = [Line(title, f"not measured: {why}")]
        except Exception as why:  # the other rows are still worth measuring
            traceback.print_exc()
            lines, failed = [Line(title, f"not measured: {type(why).__name__}")], True
        sections[row] = report.section(row, title, circumstances, lines)
        print(sections[row], flush=True)
    if asked.quick or asked.vestry != RELEASE:
        print("No report was written: this was not a full measurement of the release build.", file=sys.stderr)
    else:
        report.write(report.PAGE, sections, list(ROWS))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
