#!/usr/bin/env python3
"""What a cluster's objects cost beside kube-state-metrics 2.20, in one run: `just bench-kube`.

usage: tests/benches/kube.py [--binary PATH] [--pods 10000] [--nodes 100] [--large 100000] [--only LIST]

Starts etcd and the API server (tests/ground/cluster), puts pods, ReplicaSets and nodes there (tests/ground/pods.py), runs
kube-state-metrics and the exporter with --cluster=always on them, one after the other, and prints as a table what each took: until every
object was served, for scrapes when nothing changed and when 1 % of the pods did, and resident memory. CPU time is user and system, from
/proc/PID/stat. Then the same for an agent of one node, and for 100,000 pods in a cluster of their own. --only takes some of
peer,ours,node,large. Ends with 1 where a limit on CPU time or memory is exceeded; wall times are shown and held against nobody, for they
belong to the machine.
"""
import argparse
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/ground"))
import pods  # noqa: E402
from parts import cache, peer, with_parent  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
# A process that used no more than this in a second has nothing to do.
QUIET = 0.02
ROUNDS = 10
MB = 1e6
# Name, unit, limit. What is measured in CPU seconds or megabytes is held to its limit.
TABLE = [
    ("until complete", "s", None),
    ("until complete, CPU", "CPU s", 1.0),
    ("memory peak until complete", "MB", 80),
    ("samples", "", None),
    ("plain scrape, CPU", "CPU s", 0.10),
    ("plain scrape", "s", None),
    ("plain scrape, first byte", "s", None),
    ("plain body", "MB", None),
    ("gzip scrape, CPU", "CPU s", 0.02),
    ("gzip scrape", "s", None),
    ("gzip scrape, first byte", "s", None),
    ("gzip body", "MB", None),
    ("1 % changed: events, CPU", "CPU s", None),
    ("1 % changed: gzip scrape, CPU", "CPU s", 0.15),
    ("1 % changed: gzip scrape", "s", None),
    ("memory under churn", "MB", 45),
    ("memory peak under churn", "MB", 80),
]
NODE = [("node agent: pods served", "", None), ("node agent: memory", "MB", 20), ("node agent: memory peak", "MB", 20)]
LARGE = [
    ("until complete", "s", None),
    ("until complete, CPU", "CPU s", None),
    ("memory peak until complete", "MB", 350),
    ("memory", "MB", 350),
    ("samples", "", None),
    ("gzip scrape, CPU", "CPU s", 0.2),
    ("gzip scrape", "s", None),
    ("gzip scrape, first byte", "s", 0.1),
    ("gzip body", "MB", None),
]
HELD = ("CPU s", "MB")


class Cluster:
    """etcd and the API server, until `stop`."""

    def __init__(self, count, nodes):
        self.dir = cache() / "state" / f"bench-{os.getpid()}-{count}" / f"hg-bench-{os.getpid()}-{count}"
        environment = {**os.environ, "HYBRID_GROUND_CACHE": str(cache())}
        self.process = subprocess.Popen([ROOT / "tests/ground/cluster", "run", self.dir, "api"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, start_new_session=True, env=environment)
        if not self.process.stdout.readline().startswith(b"ready"):
            sys.exit("no cluster")
        self.config = f"--kubeconfig={self.dir / 'admin.conf'}"
        self.etcd = pods.Etcd((self.dir / "etcd.url").read_text().strip())
        begun, self.count, self.nodes = time.monotonic(), count, nodes
        pods.fill(self.etcd, count, nodes)
        print(f"{count} pods on {nodes} nodes, put into etcd in {time.monotonic() - begun:.0f} s", flush=True)
        self.settle()

    def settle(self):
        """The API server has read what was written."""
        pid = int((self.dir / "kube-apiserver.pid").read_text())
        while True:
            before = cpu(pid)
            time.sleep(1)
            if cpu(pid) - before < 0.1:
                return

    def change(self, round_):
        pods.change(self.etcd, self.count, self.nodes, 0.01, round_)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(120)


def cpu(pid):
    """CPU seconds of a process so far, user and system."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Exporter:
    """A running exporter, asked over one kept connection as Prometheus does."""

    def __init__(self, binary, args, port, path):
        self.begun = time.monotonic()
        self.log = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen([binary, *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log, preexec_fn=with_parent)
        self.pid, self.path, self.port = self.process.pid, path, port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def scrape(self, encoding, find=None):
        """Seconds to the first byte and to the last, bytes, and how often `find` matches."""
        begun = time.monotonic()
        while True:
            try:
                headers = {"Accept-Encoding": encoding, "X-Prometheus-Scrape-Timeout-Seconds": "60"}
                self.connection.request("GET", self.path, headers=headers)
                break
            except ConnectionRefusedError:
                self.connection.close()
                if self.process.poll() is not None:
                    sys.exit(f"{self.process.args} ended:\n{pathlib.Path(self.log.name).read_text(errors='replace')}")
                time.sleep(0.01)
        answer = self.connection.getresponse()
        first = answer.read(1)
        at = time.monotonic() - begun
        chunks, size = [first], 1
        while chunk := answer.read(1 << 20):
            size += len(chunk)
            if find is not None:
                chunks.append(chunk)
        whole = time.monotonic() - begun
        assert answer.status == 200, answer.status
        assert (answer.headers.get("Content-Encoding") == "gzip") == (encoding == "gzip")
        found = None if find is None else sum(1 for _ in re.finditer(find, b"\n" + b"".join(chunks)))
        return at, whole, size, found

    def quiet(self):
        """Waits until it has nothing to do; when that began, and the CPU time until then."""
        seen = [(time.monotonic(), cpu(self.pid))]
        while True:
            time.sleep(0.02)
            now = time.monotonic(), cpu(self.pid)
            seen.append(now)
            window = [each for each in seen if each[0] >= now[0] - 1]
            if seen[0][0] < now[0] - 1 and now[1] - window[0][1] <= QUIET:
                return window[0]

    def complete(self, count):
        """Waits until it serves all pods; seconds and CPU seconds since its start."""
        asked = 0.0
        while True:
            at, used = self.quiet()
            before = cpu(self.pid)
            # One more than what is there, where nothing is there yet.
            found = self.scrape("identity", rb"\nkube_pod_info\{")[3]
            if found == count:
                return at - self.begun, used - asked
            assert found < count, found
            asked += cpu(self.pid) - before

    def memory(self, key="VmRSS"):
        """Resident memory in megabytes; VmHWM is its peak."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+) kB", status)[1]) * 1024 / MB

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def stop(self):
        self.connection.close()
        self.process.kill()
        self.process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def theirs(cluster, args=()):
    port = free_port()
    flags = [cluster.config, "--host=127.0.0.1", f"--port={port}", "--telemetry-host=127.0.0.1", f"--telemetry-port={free_port()}", "--enable-gzip-encoding"]
    return Exporter(peer("kube-state-metrics"), [*flags, *args], port, "/metrics")


def ours(cluster, binary, args):
    port = free_port()
    return Exporter(binary, [cluster.config, f"--web.listen-address=127.0.0.1:{port}", *args], port, "/metrics/kube-state")


ALWAYS = ["--cluster=always", "--collector.disable-defaults"]


def mean(exporter, rounds, scrape):
    """Means over some scrapes: CPU seconds, seconds, seconds to the first byte; and the last one's bytes."""
    scrape()
    before, seconds, firsts, size = cpu(exporter.pid), 0, 0, 0
    for _ in range(rounds):
        first, whole, size, _ = scrape()
        seconds, firsts = seconds + whole, firsts + first
    return (cpu(exporter.pid) - before) / rounds, seconds / rounds, firsts / rounds, size / MB


def scrapes(rows, exporter, rounds, encodings):
    for encoding, name in encodings:
        rows[f"{name} scrape, CPU"], rows[f"{name} scrape"], rows[f"{name} scrape, first byte"], rows[f"{name} body"] = mean(
            exporter, rounds, lambda: exporter.scrape(encoding))


def measure(cluster, exporter, rounds, first_round):
    rows = {}
    rows["until complete"], rows["until complete, CPU"] = exporter.complete(cluster.count)
    rows["memory peak until complete"] = exporter.memory("VmHWM")
    rows["samples"] = exporter.scrape("identity", rb"\n[a-z]")[3]
    scrapes(rows, exporter, rounds, [("identity", "plain"), ("gzip", "gzip")])
    exporter.quiet()
    exporter.forget_peak()
    events = asked = seconds = 0
    memory = []
    for round_ in range(first_round, first_round + ROUNDS):
        before = cpu(exporter.pid)
        cluster.change(round_)
        exporter.quiet()
        events += cpu(exporter.pid) - before
        before = cpu(exporter.pid)
        seconds += exporter.scrape("gzip")[1]
        asked += cpu(exporter.pid) - before
        memory.append(exporter.memory())
    found = exporter.scrape("identity", rb'\nkube_pod_container_status_restarts_total\{[^\n]*\} %d(?=\n)' % (first_round + ROUNDS - 1))[3]
    want = 2 * int(cluster.count * 0.01)
    assert found == want, f"{found} of {want} changed containers are served"
    rows["1 % changed: events, CPU"] = events / ROUNDS
    rows["1 % changed: gzip scrape, CPU"] = asked / ROUNDS
    rows["1 % changed: gzip scrape"] = seconds / ROUNDS
    rows["memory under churn"] = sorted(memory)[len(memory) // 2]
    rows["memory peak under churn"] = exporter.memory("VmHWM")
    return rows


def agent(exporter):
    """An agent of one node that was scraped for a while."""
    exporter.scrape("identity")
    exporter.quiet()
    for encoding in ("identity", "gzip") * 20:
        exporter.scrape(encoding)
    served = exporter.scrape("identity", rb"\nkube_pod_info\{")[3]
    return {"node agent: pods served": served, "node agent: memory": exporter.memory(), "node agent: memory peak": exporter.memory("VmHWM")}


def held_leases(cluster):
    """Others lead and stand by: an agent of a node is measured, and nothing else."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    for name in ("hybrid-exporter", "hybrid-exporter-standby"):
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                 "metadata": {"name": name, "namespace": "default", "uid": pods.uid(name), "creationTimestamp": pods.SECOND},
                 "spec": {"holderIdentity": "another", "leaseDurationSeconds": 86400, "acquireTime": now, "renewTime": now}}
        cluster.etcd.put([(f"/registry/leases/default/{name}", json.dumps(lease))])


def our_binary():
    """The exporter as people run it."""
    build = ["cargo", "build", "--release", "--locked", "--message-format=json"]
    out = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=3600).stdout
    built = (json.loads(line) for line in out.splitlines() if line.startswith("{"))
    return [artifact["executable"] for artifact in built if artifact.get("executable")][-1]


def show(title, table, columns):
    """Prints a table, ours in its last column; whether ours exceeds a limit that counts."""
    exceeded = False
    print(f"{title:34}" + "".join(f"{name:>22}" for name in columns) + f"{'ratio':>8}{'limit':>8}")
    for name, unit, limit in table:
        cells = [rows.get(name) for rows in columns.values()]
        texts = ["" if cell is None else f"{cell:.3f} {unit}" if unit else str(cell) for cell in cells]
        ratio = f"{cells[-1] / cells[0]:.3f}" if len(cells) == 2 and cells[0] and cells[-1] is not None else ""
        over = limit is not None and "hybrid-exporter" in columns and cells[-1] is not None and cells[-1] > limit
        exceeded |= over and unit in HELD
        print(f"{name:34}" + "".join(f"{text:>22}" for text in texts) + f"{ratio:>8}{limit if limit is not None else '':>8}{' exceeded' if over else ''}")
    print(flush=True)
    return exceeded


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary")
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--only", default="peer,ours,node,large")
    args = parser.parse_args()
    only = args.only.split(",")
    for program in ("setsid", "setpriv", "openssl"):
        if not shutil.which(program):
            sys.exit(f"no {program}")
    binary = (args.binary or our_binary()) if only != ["peer"] else None
    exceeded = False
    cluster = None

    def run(exporter, measured, *rest):
        try:
            return measured(*rest, exporter) if measured is agent else measured(cluster, exporter, *rest)
        finally:
            exporter.stop()

    try:
        if {"peer", "ours", "node"} & set(only):
            cluster = Cluster(args.pods, args.nodes)
        columns = {}
        if "peer" in only:
            columns["kube-state-metrics"] = run(theirs(cluster), measure, 3, 1)
        if "ours" in only:
            columns["hybrid-exporter"] = run(ours(cluster, binary, ALWAYS), measure, 20, 1 + ROUNDS)
        if columns:
            exceeded |= show(f"{args.pods} pods", TABLE, columns)
        if "node" in only:
            held_leases(cluster)
            node = pods.node_name(0)
            columns = {
                "kube-state-metrics": run(theirs(cluster, ["--resources=pods", f"--node={node}"]), agent),
                "hybrid-exporter": run(ours(cluster, binary, ["--cluster=auto", f"--node-name={node}"]), agent),
            }
            exceeded |= show("", NODE, columns)
        if "large" in only:
            if cluster:
                cluster.stop()
            cluster = Cluster(args.large, args.nodes * 10)
            exporter = ours(cluster, binary, ALWAYS)
            try:
                rows = {}
                rows["until complete"], rows["until complete, CPU"] = exporter.complete(args.large)
                rows["memory peak until complete"] = exporter.memory("VmHWM")
                rows["samples"] = exporter.scrape("identity", rb"\n[a-z]")[3]
                scrapes(rows, exporter, 20, [("gzip", "gzip")])
                rows["memory"] = exporter.memory()
            finally:
                exporter.stop()
            exceeded |= show(f"{args.large} pods", LARGE, {"hybrid-exporter": rows})
    finally:
        if cluster:
            cluster.stop()
    sys.exit(1 if exceeded else 0)


main()
