"""What a browser loads, and how long the control plane takes for each page of a large installation."""

import gzip
import http.client
import re
import time
import urllib.parse
from contextlib import ExitStack

import bulk
from installation import LAB, Installation
from outcome import Line, NotMeasured
from postgres import Postgres
from sampling import cpu_seconds, interleave, median, number, percentile, spread

ORGANIZATION = "/organizations/acme"
PAGES = {
    "Workspaces": f"{ORGANIZATION}/workspaces",
    "Workspaces, filtered": f"{ORGANIZATION}/workspaces?q=copy",
    "Settings > Secrets": f"{ORGANIZATION}/settings/secrets",
    "Settings > Secrets, filtered": f"{ORGANIZATION}/settings/secrets?q=copied",
    "an organization secret": f"{ORGANIZATION}/settings/secrets/ORGANIZATION_SECRET_000",
    "its new value": f"{ORGANIZATION}/settings/secrets/ORGANIZATION_SECRET_000/value",
    "Create secret": f"{ORGANIZATION}/settings/create-secret",
    "Members": f"{ORGANIZATION}/settings/members",
    "Audit log": f"{ORGANIZATION}/settings/audit-log",
    "a workspace's Secrets": f"{LAB}/secrets",
    "a workspace's Servers": f"{LAB}/servers",
    "a workspace's Activity": f"{LAB}/activity",
    "a server": f"{LAB}/servers/web",
    "the reader's own page": "/account",
}
MOST = 60 * 1024


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
    with ExitStack() as stack:
        server = stack.enter_context(Postgres()) if database == "PostgreSQL" else None
        installation = stack.enter_context(Installation(bench.vestry, database=server))
        installation.hundred_secrets()
        installation.do("POST", f"{LAB}/servers", {"name": "web", "command": ["true"]})
        workspaces = size.listed_workspaces
        installation.fill(
            bulk.workspaces(workspaces),
            bulk.organization_secrets(size.listed_secrets - 50),
            bulk.workspace_secrets(size.secrets, each=-(-size.secrets // workspaces)),
        )
        reader = Reader(installation)
        if database == "SQLite":
            yield weight(reader)
        contestants = {what: reader.asking(path, size.pages) for what, path in PAGES.items()}
        interleave(1, contestants)
        results = interleave(size.passes, contestants)
        large = f"{workspaces:,} workspaces and {size.listed_secrets + size.secrets:,} secrets"
        for what in PAGES:
            cpu = median([cpu for cpu, _ in results[what]])
            took = [each for _, round in results[what] for each in round]
            yield Line(f"{database}, {large}: {what}", f"{spread(took, 'ms')}, CPU {number(cpu)} µs", "",
                       "p99 ≤ 15 ms", percentile(took, 99) <= 15)


def weight(reader):
    """All that a browser loads for the first page after the sign-in, as it comes over the wire: the control plane compresses
    nothing, so that what stands beside a secret text in a page can't be guessed from its length."""
    page = reader.get(PAGES["Workspaces"])
    seen, open_, wire, packed = set(), [("", page)], 0, 0
    while open_:
        address, content = open_.pop()
        wire, packed = wire + len(content), packed + len(gzip.compress(content))
        text = content.decode()
        found = re.findall(r'(?:href|src)="(/assets/[^"]+)"', text) if address == "" else []
        found += re.findall(r'(?:import|from|Worker\(new URL\()\s*"(\./[^"]+)"', text) if address.endswith(".js") else []
        for link in (urllib.parse.urljoin(address or "/", link) for link in found):
            if link not in seen:
                seen.add(link)
                open_.append((link, reader.get(link)))
    return Line(f"the first page after the sign-in, with its {len(seen)} files, as they come", f"{number(wire / 1024)} KiB",
                f"{number(packed / 1024)} KiB with gzip", "≤ 60 KiB with gzip", packed <= MOST)


class Reader:
    """A browser's session, over one connection."""

    def __init__(self, installation):
        self.installation = installation
        self.connection = http.client.HTTPConnection("127.0.0.1", installation.port, timeout=60)
        self.connection.connect()
        self.connection.sock.setsockopt(6, 1, 1)  # no waiting for more to send
        self.headers = {"Authorization": f"Bearer {installation.token}"}

    def get(self, address):
        """What an address answers."""
        self.connection.request("GET", address, headers=self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{address}: {answer.status}")
        return content

    def asking(self, address, count):
        """(microseconds of the control plane's CPU for each page, milliseconds of each)"""

        def once():
            before, each = cpu_seconds(self.installation.pid), []
            for _ in range(count):
                began = time.monotonic()
                self.get(address)
                each.append((time.monotonic() - began) * 1e3)
            return (cpu_seconds(self.installation.pid) - before) * 1e6 / count, each

        return once
