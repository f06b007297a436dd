"""What a change of an organization secret means: told by the answer, by the event stream, by a preview before it."""

import secrets
import selectors
import socket
import time
from contextlib import ExitStack

import bulk
from floors import request
from installation import LAB, Installation
from outcome import Line, NotMeasured
from postgres import Postgres
from sampling import interleave, number, percentile, spread

SECRET = "/organizations/acme/secrets/ORGANIZATION_SECRET_000"
EVENTS = "/api/v1/organizations/acme/events"
WORKSPACES = 50  # with running servers: fewer than the hints that may wait for a listener


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
        # So that one address may have so many connections.
        settings = 'trusted_proxies = ["127.0.0.1"]\n'
        installation = stack.enter_context(Installation(bench.vestry, settings, database=server))
        installation.hundred_secrets()
        installation.fill(bulk.workspaces(size.listed_workspaces))
        installation.do("POST", f"{LAB}/servers", {"name": "web", "command": ["sleep", "86400"]})
        installation.do("POST", f"{LAB}/servers/web/start")
        installation.all_servers_are("running")
        # While it runs: at a start it would find that there is no process behind them.
        with installation.sql() as rows:
            bulk.running_servers(size.running, each=-(-size.running // WORKSPACES))(rows)

        few, many = Streams(stack, installation, 1), Streams(stack, installation, size.streams)
        changes = {"one": lambda: changed(installation, few), "many": lambda: changed(installation, many)}
        preview = request("POST", f"/api/v1{SECRET}/preview", installation.token, '{"operation":"set"}')
        explain = request("GET", f"/api/v1{LAB}/explanations/ORGANIZATION_SECRET_000", installation.token)
        asked = {
            "preview": lambda: bench.floors.load(installation.port, 1, 1, preview)[1],
            "explain": lambda: bench.floors.load(installation.port, 1, size.pages, explain)[1],
        }
        interleave(1, asked)
        took = interleave(size.passes, asked)
        told = interleave(size.passes, changes)
        workspaces, running = f"{size.listed_workspaces:,}", f"{size.running + 1:,}"
        answered = [each[0] for rounds in told.values() for each in rounds]
        yield line(f"{database}: a new version that {running} running servers in {workspaces} workspaces lack, "
                   "from the request to the answer that names them all", answered, None)
        yield line(f"{database}: until a listener is told of it and of all {WORKSPACES + 1} workspaces",
                   [each[1] for each in told["one"]], 50)
        yield line(f"{database}: until the last of {size.streams + 1:,} listeners is told",
                   [each[1] for each in told["many"]], 500)
        flat = {name: [each for round in rounds for each in round] for name, rounds in took.items()}
        yield line(f"{database}: a preview of that over {workspaces} workspaces", flat["preview"], 100)
        yield line(f"{database}: why a name has its value", flat["explain"], 5)


def line(what, samples, most):
    if most is None:
        return Line(what, spread(samples, "ms"))
    return Line(what, spread(samples, "ms"), "", f"p99 ≤ {most} ms", percentile(samples, 99) <= most)


def changed(installation, streams):
    """Writes a new version; milliseconds until the answer, and until all streams have told of it."""
    streams.forget()
    began = time.monotonic()
    installation.do("PUT", SECRET, {"value": secrets.token_hex(100)})
    answered = time.monotonic()
    told = streams.all_told()
    return (answered - began) * 1e3, (max(told, answered) - began) * 1e3


class Streams:
    """So many open event streams."""

    def __init__(self, stack, installation, count):
        self.selector = stack.enter_context(selectors.DefaultSelector())
        self.streams = []
        for number_ in range(count):
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", installation.port)))
            ask = (f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {installation.token}\r\n"
                   f"X-Forwarded-For: 10.0.{number_ // 250}.{number_ % 250 + 1}\r\n\r\n")
            stream.sendall(ask.encode())
            self.streams.append({"socket": stream, "text": ""})
            self.selector.register(stream, selectors.EVENT_READ, self.streams[-1])
        self._read(lambda stream: "listening" in stream["text"])

    def forget(self):
        """What was told so far."""
        self._read(lambda stream: True)
        for stream in self.streams:
            stream["text"] = ""

    def all_told(self):
        """When each had told of the secret and of every workspace whose servers differ, or that it missed some."""
        wanted = WORKSPACES + 1
        self._read(lambda stream: stream["text"].count('"kind":"drift"') >= wanted or "event: reset" in stream["text"])
        if missed := sum("event: reset" in stream["text"] for stream in self.streams):
            raise RuntimeError(f"{number(missed)} streams missed hints")
        return time.monotonic()

    def _read(self, enough):
        deadline = time.monotonic() + 60
        waiting = {id(stream) for stream in self.streams if not enough(stream)}
        while waiting:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(waiting)} streams did not tell within a minute")
            for key, _ in self.selector.select(timeout=1):
                stream = key.data
                stream["text"] += stream["socket"].recv(1 << 16).decode()
                if enough(stream):
                    waiting.discard(id(stream))
