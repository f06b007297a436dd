"""Starting servers, from the request to what the program itself writes first, beside bare bubblewrap."""

import http.client
import os
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from floors import request
from installation import LAB, Installation
from outcome import Line
from sampling import interleave, median, number, spread, until

NETWORKS = {"none": 15, "isolated": 30}  # and how many milliseconds more than bare bubblewrap a start may take
# The last of these is not Vestry's: with it everything ends when the bench kills the outermost process.
NAMESPACES = """--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try --disable-userns
    --unshare-net --uid 1000 --gid 1000 --hostname workspace --new-session --cap-drop ALL --clearenv
    --die-with-parent"""
OWN_FOLDERS = """--proc /proc --dev /dev --tmpfs /dev/shm --remount-ro /dev --tmpfs /run --perms 1777 --tmpfs /tmp"""
SHOWN = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
SHOWN_IN_ETC = """alternatives ca-certificates fonts ld.so.cache ld.so.conf ld.so.conf.d localtime mime.types
    pki/ca-trust/extracted pki/tls/certs protocols services ssl/certs ssl/openssl.cnf timezone""".split()
OWN_ETC = ["passwd", "group", "hosts", "hostname", "nsswitch.conf", "resolv.conf"]


def measure(bench):
    programs = str(Path(bench.floors.folder).resolve())
    with ExitStack() as stack:
        settings = '[servers]\nnetwork = "{}"\nread_only_paths = ["{}"]\n'
        houses = {network: House(stack, bench, settings.format(network, programs), programs) for network in NETWORKS}
        bare = Bare(houses["none"].installation.folder / "bare", programs)
        contestants = {"bare": lambda: bare.start(1)} | {name: house.start_one for name, house in houses.items()}
        interleave(2, contestants)
        one = interleave(bench.size.rounds, contestants)
        count = bench.size.servers
        contestants = {"bare": lambda: bare.start(count), "vestry": lambda: houses["none"].start_all(count)}
        many = interleave(bench.size.crowds, contestants)
        return [*lines_of_one(one), line_of_many(count, many)]


def lines_of_one(results):
    floor = median(results["bare"])
    for network, more in NETWORKS.items():
        added = median(results[network]) - floor
        yield Line(f'one server, network = "{network}"', spread(results[network], "ms"),
                   f"bare bubblewrap {spread(results['bare'], 'ms')}; {number(added)} ms more", f"≤ {more} ms more",
                   added <= more)


def line_of_many(count, results):
    times = median(results["vestry"]) / median(results["bare"])
    beside = f"{count} bare bubblewraps {spread(results['bare'], 'ms')}; {number(times)} ×"
    return Line(f'{count} servers at once, network = "none", until the last one runs', spread(results["vestry"], "ms"),
                beside, "≤ 4 × (goal 2 ×)", times <= 4)


class House:
    """An installation with servers that write when they began to run."""

    def __init__(self, stack, bench, settings, programs):
        self.installation = stack.enter_context(Installation(bench.vestry, settings))
        for number in range(bench.size.servers):
            command = [f"{programs}/ready", f"ready-{number}"]
            wish = {"name": f"server-{number}", "command": command}
            self.installation.do("POST", f"{LAB}/servers", wish)
        self.home = self.installation.home()

    def start_one(self):
        return self.start_all(1)

    def start_all(self, count):
        """Milliseconds from the first request until the last program ran; stops them all again."""
        files = [self.home / f"ready-{number}" for number in range(count)]
        token, port = self.installation.token, self.installation.port
        asked = [request("POST", f"/api/v1{LAB}/servers/server-{number}/start", token) for number in range(count)]
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in asked]
        began = time.monotonic_ns()
        for connection, words in zip(connections, asked):
            connection.sendall(words)
        last = last_stamp(files)
        for connection in connections:
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            if answer.status != 202:
                raise RuntimeError(f"a start: {answer.status} {answer.read()[:500]}")
            connection.close()
        until("the status running", lambda: self.alive() == count, pause=0.02)
        self.installation.stop_servers()
        for file in files:
            file.unlink()
        return (last - began) / 1e6

    def alive(self):
        return sum(server["status"] == "running" for server in self.installation.servers())


class Bare:
    """bubblewrap by itself, with the options that Vestry gives it (crates/runtime/src/supervisor/bwrap.rs)."""

    def __init__(self, home, programs):
        home.mkdir()
        self.home, self.programs = home, programs

    def start(self, count):
        files = [self.home / f"ready-{number}" for number in range(count)]
        began = time.monotonic_ns()
        processes = [self.spawn(file.name) for file in files]
        last = last_stamp(files)
        for process in processes:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        for file in files:
            file.unlink()
        return (last - began) / 1e6

    def spawn(self, file):
        words = NAMESPACES.split()
        for path in SHOWN:
            if os.path.islink(path):
                words += ["--symlink", os.readlink(path), path]
            elif os.path.isdir(path):
                words += ["--ro-bind", path, path]
        for name in SHOWN_IN_ETC:
            words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        descriptors = []
        for name in OWN_ETC:
            descriptor = os.memfd_create(name, 0)
            os.write(descriptor, b"workspace\n")
            os.lseek(descriptor, 0, os.SEEK_SET)
            descriptors.append(descriptor)
            words += ["--perms", "0444", "--file", str(descriptor), f"/etc/{name}"]
        words += ["--ro-bind-try", self.programs, self.programs]
        words += OWN_FOLDERS.split()
        words += ["--bind", str(self.home), "/home/workspace", "--remount-ro", "/", "--chdir", "/home/workspace"]
        process = os.posix_spawn("/usr/bin/bwrap", ["bwrap", *words, f"{self.programs}/ready", file], {})
        for descriptor in descriptors:
            os.close(descriptor)
        return process


def last_stamp(files):
    """Waits until every program has written when it began to run; gives the latest."""
    said = [until("a program's own word", lambda file=file: file.exists() and file.read_text()) for file in files]
    return max(int(stamp) for stamp in said)
