"""A PostgreSQL server of the bench's own, on a Unix socket and with its usual promises (fsync)."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from outcome import NotMeasured


def programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise NotMeasured("PostgreSQL is not installed")
    return found[-1].parent


class Postgres:
    """The server. Give it to an `Installation` as its database."""

    def __init__(self):
        self.programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="vestry-bench-", dir="/var/tmp"))
        self.url = f"postgres://vestry@localhost/postgres?host={self.folder}"
        # PostgreSQL refuses to run as root.
        self.account = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
        if self.account:
            shutil.chown(self.folder, "nobody")
        initdb = ["initdb", "-U", "vestry", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D", self.folder / "data"]
        self._call(*initdb)
        # pg_ctl waits until the server answers; its children must not hold our pipes.
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=200"
        self._call("pg_ctl", "-D", self.folder / "data", "-o", options, "-l", self.folder / "log", "-w", "start")

    def _call(self, program, *arguments):
        command = [*self.account, self.programs / program, *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._call("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)

    def sql(self):
        return Session(self)


class Session:
    """SQL behind the control plane's back."""

    def __init__(self, server):
        psql = [server.programs / "psql", "-h", server.folder, "-U", "vestry", "-d", "postgres"]
        # Without the triggers, which move one row of the organization for each copy.
        self.environment = os.environ | {"PGOPTIONS": "-c session_replication_role=replica"}
        self.command = [*server.account, *psql]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The server does this by itself, some time after so many rows.
        self.run("ANALYZE")

    def run(self, text):
        command = [*self.command, "-v", "ON_ERROR_STOP=1", "-qAtF", "\t", "-c", text]
        answer = subprocess.run(command, check=True, cwd="/", capture_output=True, text=True,
                                env=self.environment).stdout
        return [tuple(line.split("\t")) for line in answer.splitlines()]

    def columns(self, table):
        text = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
        return [name for (name,) in self.run(text)]
