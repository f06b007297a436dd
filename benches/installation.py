"""A control plane of the bench's own: started, set up, filled, and gone when it is done."""

import http.client
import json
import secrets
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from outcome import NotMeasured
from sampling import until

LAB = "/organizations/acme/workspaces/lab"
RUN = '{"host":"bench","command":"true"}'
VALUE_LENGTH = 200


class Installation:
    """`vestry serve` with directories of its own; `settings` is its settings file, `database` a PostgreSQL database."""

    def __init__(self, vestry, settings="", database=None):
        self.vestry, self.database = vestry, database
        self.process = self.token = None
        # Not below /tmp, which every server has of its own.
        self.folder = Path(tempfile.mkdtemp(prefix="vestry-bench-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        (self.folder / "vestry.toml").write_text(settings)
        try:
            self.start()
            self._set_up()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            if self.process and self.token:
                self.stop_servers()
        finally:
            self.stop()
            shutil.rmtree(self.folder)

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        """Starts it; gives the seconds until it answers."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [
            self.vestry, "serve", "--listen", f"127.0.0.1:{self.port}", "--config", self.folder / "vestry.toml",
            "--data-dir", self.data, "--root-key", f"file:{self.folder}/key/root.key",
            *(["--database-url", self.database.url] if self.database else []),
        ]
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.folder)}
        with open(self.folder / "log", "ab") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stderr=log)
        until("an answer of the control plane", self._answers, pause=0.0002)
        return time.monotonic() - began

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text()[-1000:])
        return answers(self.port, "/healthz")

    def ask(self, method, path, body=None, headers=None):
        """One request below /api/v1: (status, answer, headers)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json"} | (headers or {"Authorization": f"Bearer {self.token}"})
        connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content) if content else None, answer.headers

    def do(self, method, path, body=None, headers=None):
        """The same, which must succeed; gives the answer."""
        status, answer, _ = self.ask(method, path, body, headers)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    def _set_up(self):
        person = {"email": "bench@acme.test", "password": secrets.token_hex(16)}
        code = (self.data / "setup-code").read_text().strip()
        wish = person | {"setup_code": code, "name": "Bench", "organization": {"name": "Acme"}}
        self.do("POST", "/setup", wish, {"Accept": "*/*"})
        _, _, headers = self.ask("POST", "/sessions", person, {"Accept": "*/*"})
        browser = {"Cookie": headers["Set-Cookie"].split(";")[0], "Sec-Fetch-Site": "same-origin"}
        wish = {"name": "bench", "access": "full", "organization_secrets": True}
        self.token = self.do("POST", "/me/tokens", wish, browser)["token"]
        self.do("POST", "/organizations/acme/workspaces", {"name": "Lab"})

    def hundred_secrets(self):
        """The workspace `lab` gets 100 secrets of 200 bytes, half of them the organization's."""
        for number in range(50):
            value = {"value": secrets.token_hex(VALUE_LENGTH // 2)}
            self.do("PUT", f"/organizations/acme/secrets/ORGANIZATION_SECRET_{number:03}", value | {"access": "all"})
            self.do("PUT", f"{LAB}/secrets/WORKSPACE_SECRET_{number:03}", value)

    def workspace_token(self):
        """A token that may start runs in `lab`."""
        status, answer, _ = self.ask("POST", f"{LAB}/tokens", {"name": "bench"})
        if status == 404:
            raise NotMeasured("this build has no workspace tokens")
        if status != 201:
            raise RuntimeError(f"a workspace token: {status} {answer}")
        return answer["token"]

    def servers(self):
        return self.do("GET", f"{LAB}/servers?limit=200")["items"]

    def all_servers_are(self, status):
        """Waits until all servers of `lab` have a status."""
        until(f"the status {status}", lambda: all(server["status"] == status for server in self.servers()), pause=0.02)

    def stop_servers(self):
        """Stops what runs in `lab`: servers outlive their control plane."""
        asked = set()

        def stopped():
            alive = [server for server in self.servers() if server["status"] not in ("stopped", "failed")]
            for slug in {server["slug"] for server in alive if server["status"] == "running"} - asked:
                self.ask("POST", f"{LAB}/servers/{slug}/stop")
                asked.add(slug)
            return not alive

        until("the end of all servers", stopped, pause=0.02)

    def run_answer(self, token):
        """What a run gets: the body, as bytes, so that a floor can answer the same."""
        headers = {"Authorization": f"Bearer {token}"}
        status, answer, _ = self.ask("POST", "/runs", json.loads(RUN), headers)
        if status == 404:
            raise NotMeasured("this build has no POST /api/v1/runs")
        if status != 201:
            raise RuntimeError(f"POST /runs: {status} {answer}")
        return json.dumps(answer, separators=(",", ":")).encode()

    def fill(self, *copies):
        """Copies rows in its database while it does not run (see bulk.py), then starts it again."""
        self.stop()
        with self.sql() as database:
            for copy in copies:
                copy(database)
        self.start()

    def sql(self):
        return self.database.sql() if self.database else Sqlite(self.data / "vestry.sqlite")

    def home(self):
        """The home directory of the workspace `lab` on this machine."""
        return self.data / "homes" / self.do("GET", LAB)["id"]


class Sqlite:
    """The embedded database, behind the control plane's back."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.commit()
        self.connection.close()

    def run(self, text):
        return self.connection.execute(text).fetchall()

    def columns(self, table):
        return [name for (name,) in self.run(f"SELECT name FROM pragma_table_info('{table}')")]


def answers(port, path):
    """Whether a server on this port answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False
