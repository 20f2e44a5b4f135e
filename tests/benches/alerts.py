#!/usr/bin/env python3
"""How long a fault takes until somebody is told, by the files in `alerts/` as they are shipped: `just bench-alerts`.

usage: tests/benches/alerts.py [--binary PATH] [--warm-up 660] [--only units,disks,pods,etcd,node,host] [--record FILE]

Boots a node with its control plane, a second node of the same cluster and a plain host (tests/ground: needs root), runs the exporter on
each, and Prometheus, Alertmanager and a recorder in the receivers' place on a machine between them, with the rules, intervals and timings
of `alerts/`: only addresses and receivers are put in. Two things come first, at the same time, while nothing is broken:

- `--warm-up` seconds at the shipped pace. Rules look back ten minutes.
- The same length fifteen times as fast: intervals, ranges, `for` and Alertmanager's timings are all divided by 15, so that eleven minutes
  are more than two and a half hours of rules. An hour and more must pass in which nobody but the watchdog is told.

Then things are really broken, mended when somebody was told, and waited for until that was told, too. What was told, with labels and
evidence, goes to --record as JSON lines; the table of times to standard output. Ends with 1 where an alert did not come or was later than
its target, where it did not end, or where the quiet time was not quiet. A machine that is busy with other things has HighCPU by right: it is
taken as that where /proc/stat says so, too.
"""
import argparse
import datetime
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import urllib.request

import faults
from faults import ROOT
from parts import peer, with_parent

PACE = 15
# A guard against what hangs: no alert takes as long.
GUARD = 2400


def say(*words):
    line = " ".join(map(str, words))
    sys.stdout.write(f"{datetime.datetime.now(datetime.UTC):%H:%M:%S} {line}\n")
    sys.stdout.flush()


# === who watches ===


class Recorder:
    """Stands in the receivers' place: notes when which alert was told, to whom."""

    def __init__(self, file):
        self.told, self.news, self.file = [], threading.Condition(), file
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                at = time.time()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                recorder.note(at, self.path.strip("/"), body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, receiver):
        return f"http://127.0.0.1:{self.server.server_port}/{receiver}"

    def note(self, at, receiver, alerts):
        with self.news:
            for alert in alerts:
                self.told.append((at, receiver, alert))
                if self.file and alert["labels"]["alertname"] != "Watchdog":
                    self.file.write(json.dumps({"at": at, "receiver": receiver, **alert}) + "\n")
                    self.file.flush()
            self.news.notify_all()

    def wait(self, labels, status, since, bound):
        """The first notification after a moment that says so of an alert with these labels."""
        end = time.time() + bound
        with self.news:
            while True:
                for at, receiver, alert in self.told:
                    if at >= since and alert["status"] == status and labels.items() <= alert["labels"].items():
                        return at, receiver, alert
                if not self.news.wait(max(0, end - time.time())):
                    return None

    def others(self, since, until):
        """Who was told of what, the watchdog apart."""
        with self.news:
            return [(at, receiver, alert) for at, receiver, alert in self.told if since <= at < until and receiver != "watchdog"]


class Watch:
    """Prometheus and Alertmanager with what is shipped, `pace` times as fast."""

    def __init__(self, site, recorder, pace=1):
        self.dir, self.pace, self.recorder, self.processes = pathlib.Path(tempfile.mkdtemp()), pace, recorder, []
        rules = self.dir / "rules"
        rules.mkdir()
        for file in (ROOT / "alerts").glob("*.rules.yaml"):
            (rules / file.name).write_text(self.faster(file.read_text()))
        hosts = [{"targets": [f"{site.db.name}:10150"]}]
        # What Prometheus would be told of the exporter's pod.
        meta = "__meta_kubernetes_pod_"
        nodes = [{"targets": [f"{machine.name}:10150"], "labels": {f"{meta}label_app_kubernetes_io_name": "hybrid-exporter",
                  f"{meta}container_port_number": "10150", f"{meta}node_name": machine.name}} for machine in (site.control, site.worker)]
        (self.dir / "hosts.yaml").write_text(json.dumps(hosts))
        (self.dir / "nodes.yaml").write_text(json.dumps(nodes))

        alertmanager = self.faster((ROOT / "alerts/alertmanager.yaml").read_text())
        for name in ("pager", "ticket", "watchdog"):
            alertmanager, found = re.subn(rf"(?m)^- name: {name}\b.*$", f"- name: {name}\n  webhook_configs: [{{url: '{recorder.url(name)}'}}]", alertmanager)
            assert found == 1, name
        (self.dir / "alertmanager.yaml").write_text(alertmanager)
        address = self.start("alertmanager", "prometheus-alertmanager", f"--config.file={self.dir}/alertmanager.yaml", f"--storage.path={self.dir}/told",
                             "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")

        config = self.faster((ROOT / "alerts/prometheus.yaml").read_text())
        for old, new in (("/etc/prometheus/hosts/*.yaml", f"{self.dir}/hosts.yaml"), ("localhost:9093", address),
                         ("kubernetes_sd_configs: [{role: pod}]", f"file_sd_configs: [{{files: ['{self.dir}/nodes.yaml']}}]")):
            assert old in config, old
            config = config.replace(old, new)
        (self.dir / "prometheus.yaml").write_text(config)
        self.address = self.start("prometheus", "prometheus", f"--config.file={self.dir}/prometheus.yaml", f"--storage.tsdb.path={self.dir}/data",
                                  "--web.listen-address=127.0.0.1:0")

    def faster(self, text):
        """Divides every time that stands after a key, in brackets or after `offset`."""
        if self.pace == 1:
            return text
        units = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

        def divided(match):
            return f"{int(match[1]) * units[match[2]] // self.pace}ms"

        def all_of(match):
            return re.sub(r"\b(\d+)([smhd])\b", divided, match[0])

        keys = r"\b(?:for|keep_firing_for|interval|\w+_interval|\w+_timeout|group_wait):\s*\d+[smhd]\b"
        return re.sub(rf"{keys}|\[\d+[smhd](?::\d+[smhd])?\]|\boffset \d+[smhd]\b", all_of, text)

    def start(self, what, program, *arguments):
        """Starts a program that says where it listens."""
        log = self.dir / f"{what}.log"
        with log.open("wb") as output:
            process = subprocess.Popen([peer(program), *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=with_parent)
        self.processes.append(process)
        for _ in range(600):
            said = re.search(r"(?i)listening\"? .*address=(127\.0\.0\.1:[1-9]\d*)", log.read_text())
            if said:
                return said[1]
            if process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"{what}: {log.read_text()}")

    def query(self, expression):
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=60) as answer:
            return json.load(answer)["data"]["result"]

    def seen(self):
        """Waits until every target has answered."""
        while len(self.query("up == 1")) != 5:
            time.sleep(1)

    def end(self):
        for process in self.processes:
            process.terminate()
            process.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)


# === the measurement ===


class Run:
    """What was measured."""

    def __init__(self, recorder):
        self.recorder, self.lock, self.rows, self.wrong = recorder, threading.Lock(), {}, []

    def fault(self, fault):
        """Breaks it, waits until it is told, mends it, waits until that is told."""
        say(f"{fault.name}: breaks")
        since = fault.make()
        last = since
        for labels, target in fault.alerts:
            found = self.recorder.wait(labels, "firing", since, since + GUARD - time.time())
            took = found[0] - since if found else None
            self.note(fault.name, labels["alertname"], target, "told", took)
            if not found:
                self.wrong.append(f"{fault.name}: {labels} was not told")
                continue
            last = max(last, found[0])
            if took > target:
                self.wrong.append(f"{fault.name}: {labels['alertname']} took {took:.0f} s, more than {target} s")
            say(f"{fault.name}: {labels['alertname']} at {found[1]} after {took:.1f} s (load {os.getloadavg()[0]:.1f})\n    {found[2]['labels']}\n    {found[2]['annotations'].get('evidence')}")
        if fault.mend:
            fault.mend()
        mended = time.time() if fault.mend else since
        for labels, target in fault.alerts[-fault.ends:]:
            found = self.recorder.wait(labels, "resolved", last, GUARD)
            self.note(fault.name, labels["alertname"], target, "ended", found[0] - mended if found else None)
            if not found:
                self.wrong.append(f"{fault.name}: {labels['alertname']} did not end")
            say(f"{fault.name}: {labels['alertname']} ended" + (f" after {found[0] - mended:.1f} s" if found else " not"))

    def note(self, name, alert, target, what, seconds):
        with self.lock:
            self.rows.setdefault((name, alert, target), {"told": [], "ended": []})[what].append(seconds)

    def lane(self, steps):
        try:
            for step in steps:
                if isinstance(step, (int, float)):
                    time.sleep(step)
                else:
                    self.fault(step)
        except Exception as error:
            traceback.print_exc()
            self.wrong.append(f"{steps}: {error}")

    def phase(self, lanes):
        threads = [threading.Thread(target=self.lane, args=(steps,), daemon=True) for steps in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def quiet(self, what, told, busiest):
        """Holds it against nobody that a machine which is busy is called busy."""
        busy = [each for each in told if each[2]["labels"]["alertname"] == "HighCPU" and busiest > 0.8]
        rest = [each for each in told if each not in busy]
        say(f"{what}: {len(rest)} notifications but the watchdog's" + (f", and {len(busy)} of HighCPU, of a machine that was {busiest:.0%} busy" if busy else ""))
        for _, receiver, alert in rest:
            self.wrong.append(f"{what}: {receiver} was told {alert['status']} {alert['labels']} {alert['annotations'].get('evidence')}")

    def show(self):
        print("| fault | alert | times | target | measured | ended after |\n|---|---|---|---|---|---|")
        for (name, alert, target), row in self.rows.items():
            cells = [" – ".join(f"{edge:.0f} s" for edge in dict.fromkeys((min(known), max(known)))) if (known := [each for each in row[what] if each is not None]) else ""
                     for what in ("told", "ended")]
            print(f"| {name} | {alert} | {len(row['told'])} | {target} s | {cells[0]} | {cells[1]} |")
        for wrong in self.wrong:
            print(f"wrong: {wrong}")


class Processors:
    """How busy the machine's processors are, by the kernel's word."""

    EACH = 5

    def __init__(self, seconds):
        """Reads it for so long."""
        self.read = [self.now()]
        for _ in range(int(seconds / self.EACH)):
            time.sleep(self.EACH)
            self.read.append(self.now())

    @staticmethod
    def now():
        fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(fields) - fields[3] - fields[4] - fields[7], sum(fields)

    def busiest(self, seconds):
        """The largest busy share of a window of so many seconds."""
        wide = min(int(seconds / self.EACH), len(self.read) - 1)
        return max((after[0] - before[0]) / (after[1] - before[1]) for before, after in zip(self.read, self.read[wide:]))


def our_binary():
    """The exporter as people run it."""
    build = ["cargo", "build", "--release", "--locked", "--message-format=json"]
    out = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=3600).stdout
    built = (json.loads(line) for line in out.splitlines() if line.startswith("{"))
    return [artifact["executable"] for artifact in built if artifact.get("executable")][-1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary")
    parser.add_argument("--warm-up", type=float, default=660)
    parser.add_argument("--only")
    parser.add_argument("--record", type=argparse.FileType("a"))
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("needs root, to boot machines")
    if "HYBRID_BENCH_NETWORK" not in os.environ:
        binary = pathlib.Path(args.binary or our_binary()).resolve()
        # A network of its own, with names of its own.
        os.environ["HYBRID_BENCH_NETWORK"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv, "--binary", str(binary)])
    for program in ("strace", "iptables", "losetup", "mkfs.ext4", "busybox", "setsid"):
        shutil.which(program) or sys.exit(f"no {program}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    site = faults.Site(args.binary)
    watches = []
    try:
        names = site.state / "hosts"
        names.write_text("127.0.0.1 localhost\n" + site.names())
        subprocess.run(["mount", "--bind", names, "/etc/hosts"], check=True)
        phases = faults.phases(site)
        run = Run(Recorder(args.record))
        fast = Recorder(args.record)
        watches = [Watch(site, run.recorder), Watch(site, fast, PACE)]
        for watch in watches:
            watch.seen()
        begun = time.time()
        say("all targets answer; quiet begins")
        processors = Processors(args.warm_up)
        now = time.time()
        for pace, recorder in ((1, run.recorder), (PACE, fast)):
            run.quiet(f"{(now - begun) * pace / 60:.0f} min, {pace} times as fast", recorder.others(begun, now), processors.busiest(300 / pace))
        watches.pop().end()
        for phase in phases:
            run.phase([lane for name, lanes in phase.items() if not args.only or name in args.only.split(",") for lane in lanes])
        run.show()
    finally:
        for watch in watches:
            watch.end()
        site.end()
    sys.exit(1 if run.wrong else 0)


main()
