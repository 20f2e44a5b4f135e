#!/usr/bin/env python3
"""What systemd's units cost on a host with about 1,040 of them: `just bench-systemd`.

usage: tests/benches/systemd.py [--scrapes N] [--binary PATH] [--services N] [FLAG…]

Boots a host of its own (tests/ground/host: needs root), fills it with units (tests/ground/units.py), runs the exporter in it as root on
the bus, and asks /metrics/systemd over a kept connection, plain and with gzip. Prints as a table: until everything was read and what
that cost, the CPU time of each scrape in the exporter, in systemd and in the bus (from /proc/PID/schedstat of every thread), its wall
time, and resident memory over an exporter that serves nothing. Ends with 1 where a limit on CPU time or memory is exceeded; wall times
have limits on a quiet machine only, and are never held against a busy one.
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WARM_UP = 20
# Name, unit, limit, whether it is held to it on any machine.
TABLE = [
    ("first whole scrape after start", "ms", 1000, False),
    ("start: exporter CPU", "ms", None, False),
    ("start: systemd CPU", "ms", 300, True),
    ("start: bus CPU", "ms", None, False),
    ("scrape: wall, median", "ms", 15, False),
    ("scrape: wall, 95th percentile", "ms", None, False),
    ("scrape: exporter CPU", "ms", 8, True),
    ("scrape: systemd CPU", "ms", None, False),
    ("scrape: bus CPU", "ms", None, False),
    ("scrape: systemd and bus CPU", "ms", 5, True),
    ("memory over the empty exporter", "MiB", 4, True),
    ("memory", "MiB", None, False),
    ("peak memory", "MiB", None, False),
    ("body", "KiB", None, False),
    ("on the wire", "KiB", None, False),
]


# === inside the host ===


def cpu(pid):
    """CPU milliseconds of a process so far; threads that ended apart."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass
    return total / 1e6


def used(pid):
    """CPU milliseconds of a process so far, ended threads too, to the tick."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def status(pid, key):
    """A field of /proc/PID/status in MiB."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{key}:"))


def bus():
    """The pid of the system bus."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except FileNotFoundError:
            continue
        if b"dbus-daemon" in command and b"--system" in command or b"dbus-broker-launch" in command:
            return int(process.name)
    sys.exit("no bus")


class Exporter:
    """A running exporter, asked over one kept connection."""

    def __init__(self, binary, flags):
        self.begun = time.monotonic()
        args = [binary, "--collector.disable-defaults", "--web.listen-address=127.0.0.1:10150", *flags]
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        self.connection = None

    def scrape(self, encoding):
        headers = {"Accept-Encoding": encoding, "X-Prometheus-Scrape-Timeout-Seconds": "10"}
        while True:
            try:
                connection = self.connection or http.client.HTTPConnection("127.0.0.1", 10150, timeout=30)
                connection.request("GET", "/metrics/systemd", headers=headers)
                answer = connection.getresponse()
                self.connection = connection
                return answer.read(), answer.headers.get("Content-Encoding")
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    sys.exit(f"the exporter ended with {self.process.returncode}")
                time.sleep(0.002)

    def stop(self):
        self.process.kill()
        self.process.wait()


def empty(binary, scrapes):
    """Resident memory of an exporter that serves nothing, in MiB."""
    exporter = Exporter(binary, ["--systemd=off"])
    for encoding in ("identity", "gzip"):
        for _ in range(scrapes):
            exporter.scrape(encoding)
    memory = status(exporter.pid, "VmRSS")
    exporter.stop()
    return memory


def measure(binary, scrapes, flags):
    base = empty(binary, scrapes)
    daemon = bus()
    before = cpu(1), cpu(daemon)
    exporter = Exporter(binary, ["--systemd=on", *flags])
    body = b""
    while b"systemd_unit_state{" not in body:
        body, _ = exporter.scrape("identity")
    first = (time.monotonic() - exporter.begun) * 1000
    rows = {
        "first whole scrape after start": first,
        "start: exporter CPU": used(exporter.pid),
        "start: systemd CPU": cpu(1) - before[0],
        "start: bus CPU": cpu(daemon) - before[1],
        "body": len(body) / 1024,
    }
    results = {}
    for encoding in ("identity", "gzip"):
        for _ in range(WARM_UP):
            exporter.scrape(encoding)
        # systemd does other work in the first seconds after a subscriber came.
        before = cpu(1), cpu(daemon), used(exporter.pid)
        walls = []
        for _ in range(scrapes):
            begun = time.monotonic()
            body, coding = exporter.scrape(encoding)
            walls.append((time.monotonic() - begun) * 1000)
            time.sleep(0.02)
        assert (coding == "gzip") == (encoding == "gzip"), coding
        pid1, broker, own = cpu(1) - before[0], cpu(daemon) - before[1], used(exporter.pid) - before[2]
        results[encoding] = {
            **(rows if encoding == "identity" else {}),
            "scrape: wall, median": statistics.median(walls),
            "scrape: wall, 95th percentile": sorted(walls)[len(walls) * 95 // 100],
            "scrape: exporter CPU": own / scrapes,
            "scrape: systemd CPU": pid1 / scrapes,
            "scrape: bus CPU": broker / scrapes,
            "scrape: systemd and bus CPU": (pid1 + broker) / scrapes,
            "memory over the empty exporter": status(exporter.pid, "VmRSS") - base,
            "memory": status(exporter.pid, "VmRSS"),
            "peak memory": status(exporter.pid, "VmHWM"),
            "on the wire": len(body) / 1024,
        }
    exporter.stop()
    print(json.dumps(results))


# === outside ===


def ground(directory, *args, **options):
    return subprocess.run([ROOT / "tests/ground/host", *args[:1], directory, *args[1:]], check=True, **options)


def booted(binary, services, command):
    """Runs this file inside a host with units; what it printed."""
    caches = os.environ.get("XDG_CACHE_HOME") or str(pathlib.Path.home() / ".cache")
    cache = pathlib.Path(os.environ.get("HYBRID_GROUND_CACHE") or f"{caches}/hybrid-ground")
    directory = cache / "state" / f"bench-{os.getpid()}" / f"hg-bench-{os.getpid()}"
    directory.mkdir(parents=True)
    host = subprocess.Popen(
        ["setsid", ROOT / "tests/ground/host", "run", directory],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    try:
        said = host.stdout.readline()
        if not said.startswith("ready"):
            sys.exit("the host did not boot")
        shared = directory / "shared"
        shutil.copy(binary, shared / "hybrid-exporter")
        shutil.copy(__file__, shared / "bench.py")
        shutil.copy(ROOT / "tests/ground/units.py", shared / "units.py")
        ground(directory, "exec", "python3", "/shared/units.py", str(services), timeout=120)
        for _ in range(300):
            jobs = ground(directory, "exec", "systemctl", "list-jobs", stdout=subprocess.PIPE, timeout=20)
            if jobs.stdout.startswith(b"No jobs"):
                break
            time.sleep(0.1)
        inside = ground(directory, "exec", "python3", "/shared/bench.py", *command, stdout=subprocess.PIPE, timeout=900)
        return json.loads(inside.stdout)
    finally:
        host.stdin.close()
        host.wait(60)


def our_binary():
    """The exporter as people run it."""
    build = ["cargo", "build", "--release", "--locked", "--message-format=json"]
    out = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=3600).stdout
    built = (json.loads(line) for line in out.splitlines() if line.startswith("{"))
    return [artifact["executable"] for artifact in built if artifact.get("executable")][-1]


def show(results):
    """Prints the table; whether a limit that counts on any machine is exceeded."""
    exceeded = False
    print(f"{'':34} {'plain':>12} {'gzip':>12} {'limit':>8}")
    for name, unit, limit, held in TABLE:
        cells = [results[encoding].get(name) for encoding in ("identity", "gzip")]
        texts = ["" if cell is None else f"{cell:.2f} {unit}" for cell in cells]
        over = limit is not None and any(cell is not None and cell > limit for cell in cells)
        exceeded |= over and held
        mark = " exceeded" if over else ""
        print(f"{name:34} {texts[0]:>12} {texts[1]:>12} {'' if limit is None else limit:>8}{mark}")
    return exceeded


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scrapes", type=int, default=200)
    parser.add_argument("--services", type=int, default=850)
    parser.add_argument("--binary")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args, flags = parser.parse_known_args()
    if args.inside:
        measure("/shared/hybrid-exporter", args.scrapes, flags)
        return
    if os.geteuid() != 0:
        sys.exit("needs root, to boot a host")
    command = ["--inside", "--scrapes", str(args.scrapes), *flags]
    results = booted(args.binary or our_binary(), args.services, command)
    sys.exit(1 if show(results) else 0)


main()
