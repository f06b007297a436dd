"""The programs in floors/: compiled on first use, run as the least that could do the same work."""

import os
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "floors"


class Floors:
    """The compiled programs, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for source in SOURCES.glob("*.c"):
            subprocess.run(["cc", "-O2", "-pthread", "-o", folder / source.stem, source], check=True)

    def program(self, name):
        return str(self.folder / name)

    def spawn(self, command, environment):
        """Runs a command to its end: (milliseconds, milliseconds of CPU, peak in MiB)."""
        run = subprocess.run(
            [self.program("spawn"), *command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if run.returncode:
            raise RuntimeError(run.stderr.strip()[-500:])
        wall, cpu, peak = (float(word) for word in run.stdout.split())
        return wall / 1000, cpu / 1000, peak / 1024

    def load(self, port, clients, requests, request):
        """Sends a request (bytes) so many times: (seconds, milliseconds of each answer)."""
        descriptor = os.memfd_create("request")
        os.write(descriptor, request)
        try:
            run = subprocess.run(
                [self.program("load"), str(port), str(clients), str(requests), f"/proc/self/fd/{descriptor}"],
                pass_fds=[descriptor], capture_output=True, text=True,
            )
        finally:
            os.close(descriptor)
        if run.returncode:
            raise RuntimeError(f"the request was refused: {run.stderr.strip()}")
        whole, *each = (float(line) for line in run.stdout.split())
        return whole / 1e6, [us / 1000 for us in each]

    def serve(self, body):
        """An HTTP server that answers everything with a body (bytes)."""
        return Serving(self.program("serve"), body)


class Serving:
    def __init__(self, program, body):
        descriptor = os.memfd_create("body")
        os.write(descriptor, body)
        self.process = subprocess.Popen(
            [program, f"/proc/self/fd/{descriptor}"], pass_fds=[descriptor], stdout=subprocess.PIPE, text=True
        )
        os.close(descriptor)
        self.port = int(self.process.stdout.readline())
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def request(method, path, token=None, body=None, headers=()):
    """An HTTP request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    lines += [f"Authorization: Bearer {token}"] if token else []
    content = (body or "").encode()
    lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + content
