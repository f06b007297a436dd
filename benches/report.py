"""Writes what was measured into docs/performance.md, one section a row; other rows' sections stay as they are."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from outcome import NotMeasured
from postgres import programs

PAGE = Path("docs/performance.md")
HEAD = Path(__file__).with_name("head.md")


def circumstances():
    """When and where: machine, database, load."""
    moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    load = os.getloadavg()[0]
    busy = ", so others used the machine too and times are too long" if load > os.cpu_count() / 4 else ""
    databases = f"SQLite (built in), {postgresql()}"
    return f"{moment}, commit {commit(PAGE)}. {machine()}; {databases}; load before it {load:.2f}{busy}"


def commit(page):
    """Which one this is, and whether anything but the page that is about to be written differs from it."""
    changes = output("git", "status", "--porcelain", "--", ".", f":!{page}")
    return output("git", "rev-parse", "--short", "HEAD") + (" with changes" if changes else "")


def machine():
    """Processor, cores, memory, kernel."""
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    model, kernel = (models or [platform.machine()])[0], platform.release().split("-")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {kernel}"


def postgresql():
    try:
        return "PostgreSQL " + output(programs() / "postgres", "--version").split()[2]
    except NotMeasured:
        return "no PostgreSQL"


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def section(row, title, circumstances, lines):
    reached = {None: "", True: "yes", False: "**no**"}
    table = ["| what | figure | beside it | target | reached |", "|---|---|---|---|---|"]
    table += [f"| {l.what} | {l.figure} | {l.beside} | {l.target} | {reached[l.reached]} |" for l in lines]
    return "\n".join([f"## {row}", "", title + ".", "", f"`make bench ROWS={row}`: {circumstances}.", "", *table, ""])


def write(path, sections, order):
    """Puts the sections in the place of the same rows' older ones."""
    old = path.read_text().split("\n## ")[1:] if path.exists() else []
    kept = {text.split("\n", 1)[0]: f"## {text.rstrip()}\n" for text in old}
    kept |= sections
    kept = {row: kept[row] for row in order if row in kept}
    path.write_text("\n".join([HEAD.read_text(), summary(kept), *kept.values()]))


def summary(sections):
    """What is not reached or not measured, by section."""
    missed = []
    for row, text in sections.items():
        for cells in (line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")):
            what, figure, _, target, reached = (cell.strip() for cell in cells)
            if figure.startswith("not measured"):
                missed.append(f"- [{row}](#{row}): {what}: {figure}")
            elif reached == "**no**":
                missed.append(f"- [{row}](#{row}): {what}: {target}")
    if not missed:
        return "Every target is reached.\n"
    return "\n".join(["Not measured, or a target that is not reached:", "", *missed, ""])
