"""The machines of alerts.py and what breaks on them: a node with its control plane, a second node of its cluster, and a plain host."""
import dataclasses
import datetime
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time
import typing

from parts import cache, peer, with_parent

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GROUND = ROOT / "tests/ground"
IMAGE = "docker.io/ground/pause:1"
PKI = "/etc/kubernetes/pki"
API = "10.10.0.1"
# What the machine below lends is not the host's: how full its disk is belongs to it.
BORROWED = r"--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|shared|opt/ground|run/credentials/.+)($$|/)"


# === the machines ===


class Machine:
    """A booted host, with a cable of its own number to the machine that watches."""

    def __init__(self, state, name, number):
        self.state, self.dir, self.name, self.number = state, state / name, name, number
        self.boot()

    def boot(self):
        self.process = subprocess.Popen(["setsid", GROUND / "host", "run", self.dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline().startswith("ready"):
            sys.exit(f"{self.name} did not boot")
        # The watching machine is this process's own network.
        subprocess.run([GROUND / "host", "link", self.state, str(self.number), self.dir], check=True)
        self.shared = self.dir / "shared"

    def run(self, command, bound=300):
        """Runs a line of shell inside; its standard output."""
        return subprocess.run([GROUND / "host", "exec", self.dir, "bash", "-euc", command], check=True, stdout=subprocess.PIPE, text=True, timeout=bound).stdout

    def service(self, name, settings):
        (self.shared / f"{name}.service").write_text(f"[Service]\n{settings}\n")
        self.run(f"cp /shared/{name}.service /etc/systemd/system/; systemctl daemon-reload; systemctl start {name}")

    def exporter(self, binary, flags):
        shutil.copy(binary, self.shared / "hybrid-exporter")
        self.service("hybrid-exporter", f"ExecStart=/shared/hybrid-exporter --systemd.collector.enable-resources '{BORROWED}' {flags}\nRestart=always")

    def node(self, binary, images, join=()):
        """Makes it a node, with the exporter as its unit."""
        subprocess.run([GROUND / "node", self.dir, *join, *images], check=True, timeout=900)
        self.exporter(binary, f"--kubeconfig=/etc/kubernetes/admin.conf --node-name={self.name} --containers.sandbox-image={IMAGE} "
                              f"--kubelet.ca-file={PKI}/ca.crt --kubelet.cert-file={PKI}/admin.crt --kubelet.key-file={PKI}/key")

    def kill(self):
        """Ends every process in it at once."""
        os.kill(int((self.dir / "pid").read_text()), signal.SIGKILL)

    def end(self):
        self.process.stdin.close()
        self.process.wait(120)


class Site:
    """All machines."""

    def __init__(self, binary):
        self.binary = binary
        self.state = cache() / "state" / f"bench-{os.getpid()}"
        self.state.mkdir(parents=True)
        (self.state / "pid").write_text(str(os.getpid()))
        self.pause = self.state / "pause.tar"
        subprocess.run([GROUND / "image", IMAGE, self.pause, f"bin/busybox={shutil.which('busybox')}", f"pause={GROUND / 'pause'}", "--", "/pause"], check=True)
        self.machines, self.devices = {}, []
        for number, name in enumerate(("control", "worker", "db"), start=1):
            self.machines[name] = Machine(self.state, f"{name}-{os.getpid()}", number)
        self.db.exporter(binary, "")
        self.control.node(binary, [self.pause])
        # What the ground leaves out for speed: etcd waits for its disk.
        self.control.run("sed -i 's/ --unsafe-no-fsync//' /etc/systemd/system/etcd.service; systemctl daemon-reload; systemctl restart etcd")
        self.join()

    def __getattr__(self, name):
        return self.machines[name]

    def join(self):
        self.worker.node(self.binary, [self.pause], ["--join", self.control.dir, "9"])

    def names(self):
        """What /etc/hosts must say, so that targets are called as people would."""
        return "".join(f"10.77.{machine.number}.2 {machine.name}\n" for machine in self.machines.values())

    def kubectl(self, command, manifest=None):
        network = ["nsenter", "-t", (self.control.dir / "pid").read_text().strip(), "-n", "--"]
        arguments = [peer("kubectl"), f"--kubeconfig={self.control.shared / 'admin.conf'}", *shlex.split(command)]
        return subprocess.run([*network, *arguments], check=True, input=manifest, stdout=subprocess.PIPE, text=True, timeout=600).stdout

    def end(self):
        for machine in self.machines.values():
            machine.end()
        for device in self.devices:
            subprocess.run(["losetup", "--detach", device])
        shutil.rmtree(self.state, ignore_errors=True)


# === what breaks ===


@dataclasses.dataclass
class Fault:
    name: str
    # Labels of an alert that must be told, and within how many seconds.
    alerts: list[tuple[dict, int]]
    # Breaks it; since when it is broken.
    make: typing.Callable[[], float]
    # Mends it, once all are told; none where it is over by itself.
    mend: typing.Callable[[], object] | None = None
    # How many of the alerts end as themselves: those before are silenced by the last.
    ends: int = 1


POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: shop}
spec:
  nodeName: NODE
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: IMAGE
    imagePullPolicy: Never
    command: [/bin/busybox, sh, -c, 'SCRIPT']
    resources: {limits: LIMITS}
    volumeMounts: [{name: kept, mountPath: /kept}, {name: told, mountPath: /told}]
  volumes: [{name: kept, emptyDir: {}}, {name: told, hostPath: {path: /run/told, type: DirectoryOrCreate}}]
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout, namespace: shop}
spec:
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout}}
    spec:
      nodeName: NODE
      containers:
      - {name: app, image: IMAGE, imagePullPolicy: Never, command: [/bin/busybox, sh, -c, 'sleep 2; exit 2']}
"""
# Waits to be told, and does what it does once.
ONCE = "test -e /kept/once && exec /bin/busybox sleep 9999999; : >/kept/once; until test -e /told/NAME; do /bin/busybox usleep 50000; done; "


def pod(name, node, script, limits="{}"):
    text = POD.replace("SCRIPT", script).replace("LIMITS", limits)
    return text.replace("IMAGE", IMAGE).replace("NAME", name).replace("NODE", node)


def kind(machine):
    return "a plain host" if "db-" in machine.name else "a node"


def moment(machine, file, number=1):
    """When a program wrote the nth line of its times."""
    path = machine.shared / file
    while True:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= number:
            return float(lines[number - 1])
        time.sleep(0.2)


def service(machine, name, script, settings=""):
    """Starts a service that notes its times in /shared/NAME.times, as `now` does in its script."""
    path = machine.shared / f"{name}.sh"
    path.write_text(f"#!/bin/bash\nnow() {{ date +%s.%N >>/shared/{name}.times; }}\n{script}\n")
    path.chmod(0o755)
    (machine.shared / f"{name}.times").unlink(missing_ok=True)
    machine.service(name, f"ExecStart=/shared/{name}.sh\n{settings}")


def unit_fails(machine):
    def make():
        service(machine, "payments", 'echo "<3>cannot open /srv/payments/ledger: no such file"; sleep 1; now; exit 3')
        return moment(machine, "payments.times")

    labels = {"alertname": "UnitFailed", "instance": machine.name, "unit": "payments.service"}
    return Fault(f"a unit fails ({kind(machine)})", [(labels, 120)], make, lambda: machine.run("systemctl reset-failed payments"))


def unit_flaps(machine):
    def make():
        service(machine, "cart", 'now; sleep 1; echo "<3>lost the connection to 10.0.0.7:5432"; sleep 1; exit 1', "Restart=always\nRestartSec=10")
        # The fifth start is the fourth restart.
        return moment(machine, "cart.times", 5)

    labels = {"alertname": "UnitFlapping", "instance": machine.name, "unit": "cart.service"}
    return Fault(f"a unit flaps, after its fourth restart ({kind(machine)})", [(labels, 120)], make, lambda: machine.run("systemctl stop cart"))


def journal_bursts(machine):
    def make():
        service(machine, "search", 'now; while sleep 0.5; do echo "<3>index 17 is corrupt, query dropped"; done')
        return moment(machine, "search.times")

    labels = {"alertname": "JournalErrorBurst", "instance": machine.name, "unit": "search.service"}
    return Fault(f"an error burst, two errors/s ({kind(machine)})", [(labels, 120)], make, lambda: machine.run("systemctl stop search"))


def disk_fills(site, name, left, target, severity):
    """A file system of 64 MiB on a loop device of its own, of which so many MiB stay free."""
    machine, image = site.db, site.db.shared / f"{name}.img"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    device = subprocess.run(["losetup", "--find", "--show", image], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    site.devices.append(device)
    machine.run(f"mknod -m 600 {device} b 7 {os.minor(os.stat(device).st_rdev)}; mkdir -p /srv/{name}; mount {device} /srv/{name}")

    def make():
        free = int(machine.run(f"df --output=avail -k /srv/{name} | tail -1"))
        machine.run(f"dd if=/dev/zero of=/srv/{name}/log bs=1K count={free - left * 1024} status=none; sync -f /srv/{name}")
        return time.time()

    labels = {"alertname": "FilesystemFilling", "instance": machine.name, "device": device, "severity": severity}
    return Fault(f"a disk fills: {left} of 64 MB left", [(labels, target)], make, lambda: machine.run(f"rm /srv/{name}/log; sync -f /srv/{name}"))


def container_crashes(site, name):
    return Fault("a container crashes", [({"alertname": "PodCrashed", "pod": name}, 60)], told(site, name))


def container_starves(site, name):
    crashed, killed = {"alertname": "PodCrashed", "pod": name}, {"alertname": "OutOfMemoryKill", "instance": site.control.name}
    return Fault("a container is killed at its memory limit", [(crashed, 60), (killed, 120)], told(site, name), ends=2)


def told(site, name):
    """Tells a pod to do what it does."""

    def make():
        site.control.run(f"touch /run/told/{name}")
        return time.time()

    return make


def ended(site, selector):
    """When a pod's container ended first, by the kubelet's word, in whole seconds."""
    while True:
        pods = json.loads(site.kubectl(f"-n shop get pods -o json {selector}"))["items"]
        for status in (status for pod in pods for status in pod["status"].get("containerStatuses", [])):
            for state in (status.get("lastState", {}), status.get("state", {})):
                if "terminated" in state:
                    return datetime.datetime.fromisoformat(state["terminated"]["finishedAt"]).timestamp()
        time.sleep(0.5)


def pod_loops(site):
    def make():
        site.kubectl("apply -f -", pod("looper", site.control.name, "sleep 1; echo no configuration; exit 2"))
        return ended(site, "--field-selector=metadata.name=looper")

    crashed, loops = ({"alertname": name, "pod": "looper"} for name in ("PodCrashed", "PodCrashLooping"))
    return Fault("a pod is in a crash loop", [(crashed, 60), (loops, 420)], make, lambda: site.kubectl("-n shop delete pod looper --wait=false"))


def workload_loops(site):
    def make():
        site.kubectl("apply -f -", DEPLOYMENT.replace("IMAGE", IMAGE).replace("NODE", site.control.name))
        return ended(site, "--selector=app=checkout")

    crashed, none = {"alertname": "PodCrashed", "workload": "checkout"}, {"alertname": "WorkloadUnavailable", "workload": "checkout"}
    return Fault("a Deployment's only pod is in a crash loop", [(crashed, 60), (none, 300)], make, lambda: site.kubectl("-n shop delete deployment checkout --wait=false"))


def etcd_slows(site):
    """Each write of etcd waits 300 ms longer for its disk."""
    machine, tracer = site.control, []

    def make():
        pid = machine.run("systemctl show --value --property=MainPID etcd").strip()
        command = f"exec strace -f -qq -o /dev/null -e trace=fdatasync,fsync -e inject=fdatasync,fsync:delay_enter=300000 -p {pid}"
        tracer.append(subprocess.Popen([GROUND / "host", "exec", machine.dir, "bash", "-c", command], preexec_fn=with_parent))
        return time.time()

    def mend():
        machine.run("pkill -INT -x strace")
        tracer[0].wait(60)

    return Fault("etcd's disk is slow, 300 ms more a write", [({"alertname": "EtcdSlowWrites", "instance": machine.name}, 300)], make, mend)


def kubelet_stops(machine):
    def make():
        machine.run("systemctl stop kubelet")
        return time.time()

    labels = {"alertname": "NodeServiceDown", "instance": machine.name, "unit": "kubelet.service"}
    return Fault("the kubelet is stopped", [(labels, 300)], make, lambda: machine.run("systemctl start kubelet"))


def walled(machine, rules):
    """How the rules come between the machine and others, and how they go."""

    def make():
        machine.run("; ".join(f"iptables -I {rule}" for rule in rules))
        return time.time()

    return make, lambda: machine.run("; ".join(f"iptables -D {rule}" for rule in rules))


def api_lost(machine, how):
    rules = [f"OUTPUT -p tcp -d {API} -j DROP", f"INPUT -p tcp -s {API} -j DROP"]
    if how == "refused":
        rules = [f"OUTPUT -p tcp -d {API} -j REJECT --reject-with tcp-reset"]
    labels = {"alertname": "NodeCutOffFromAPI", "instance": machine.name}
    return Fault(f"a node loses the API server, packets {how}", [(labels, 30)], *walled(machine, rules))


def machine_off(machine):
    """Nothing comes in or goes out any more, and nobody is told: what a machine without power looks like."""
    rules = ("INPUT ! -i lo -j DROP", "OUTPUT ! -o lo -j DROP")
    labels = {"alertname": "NodeDown", "instance": machine.name}
    return Fault(f"{kind(machine)} is off", [(labels, 300)], *walled(machine, rules))


def node_dies(site):
    """Every process of the node is killed at once; it is mended when it has been booted anew."""

    def make():
        site.worker.kill()
        return time.time()

    def mend():
        site.worker.end()
        site.worker.boot()
        site.join()

    return Fault("a node is killed", [({"alertname": "NodeDown", "instance": site.worker.name}, 300)], make, mend)


def phases(site):
    """What is broken when: phases one after the other, in them lanes side by side, by name; in those seconds to wait and faults."""
    crashing = [f"basket-{number}" for number in range(5)]
    site.kubectl("create namespace shop")
    site.kubectl("-n shop wait --for=create --timeout=120s serviceaccount/default")
    greedy = pod("greedy", site.control.name, ONCE + "exec /bin/busybox dd if=/dev/zero of=/dev/null bs=256M", "{memory: 16Mi}")
    site.kubectl("apply -f -", "---".join([greedy, *(pod(name, site.control.name, ONCE + "exit 3") for name in crashing)]))
    site.kubectl("-n shop wait --for=condition=Ready --timeout=300s pod --all")
    full, filling = disk_fills(site, "full", 2, 120, "critical"), disk_fills(site, "filling", 8, 720, "warning")
    # What is told comes at the rules' pace: without the waits each would break at the same moment of it. Alertmanager keeps
    # a group for half a minute after its last alert has ended: one that begins in it waits for group_interval.
    lost = [step for number in range(5) for step in (
        35 + number * 3, kubelet_stops(site.worker), number * 1.1, api_lost(site.worker, "dropped"), 35 + number * 1.1, api_lost(site.worker, "refused"))]
    return [
        {
            "units": [[unit(machine)] for machine in (site.db, site.control) for unit in (unit_fails, unit_flaps, journal_bursts)],
            "disks": [[full], [filling]],
            "pods": [*([number * 19, container_crashes(site, name)] for number, name in enumerate(crashing)), [100, container_starves(site, "greedy")], [pod_loops(site)], [workload_loops(site)]],
            "etcd": [[240, etcd_slows(site)]],
            "node": [[*lost, machine_off(site.worker), node_dies(site)]],
        },
        {"host": [[machine_off(site.db)]]},
    ]
