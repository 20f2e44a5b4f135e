#!/usr/bin/env python3
"""Fills a cluster of tests/ground/cluster with pods by the ten thousand, and changes some of them.

usage: tests/ground/pods.py fill ETCD [--pods 10000] [--nodes 100]
       tests/ground/pods.py change ETCD [--pods 10000] [--nodes 100] [--share 0.01] --round N
       tests/ground/pods.py remove ETCD [--pods 10000] [--share 0.01]
       tests/ground/pods.py compact ETCD
       tests/ground/pods.py print [--pods 10000] [--nodes 100] [--round 0]

Ten pods make a ReplicaSet; they run on all nodes alike, in 20 namespaces, each with two containers, a status and what the kubelet and
the controllers wrote into its metadata: about 10 kB of JSON a pod. A round changes one pod in a hundred (a container was restarted),
others in each round. The last pods are those that are removed. After compact no watch can go on from
what it knew before. print gives the pods' JSON, a line each, as they are after a round that changed all of them.

Objects are written where the API server keeps them, at ETCD (DIR/etcd.url), with etcd's JSON gateway: 10,000 pods take a few seconds of
CPU time in place of minutes. The API server reads there what it would have written, in JSON in place of protobuf, and serves it to its
watches; what it cannot show so is how it checks and fills in an object that a client sends: tests that want that use kubectl.
"""
import argparse
import base64
import hashlib
import http.client
import json
import random
import sys
import time
import urllib.parse

NAMESPACES = 20
PER_REPLICASET = 10
# Puts that etcd takes in one transaction, by number and by bytes.
BATCH = 100
SECOND = "2026-01-02T03:04:05Z"


def uid(*words):
    """A random-looking uid, always the same one for the same words."""
    text = hashlib.md5(" ".join(map(str, words)).encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def short(alphabet, length, *words):
    """The suffix of a name that a controller makes up."""
    number = int(hashlib.md5(" ".join(map(str, words)).encode()).hexdigest(), 16)
    return "".join(alphabet[number // len(alphabet) ** place % len(alphabet)] for place in range(length))


SAFE = "bcdfghjklmnpqrstvwxz2456789"


def managed(manager, fields, **more):
    return {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": SECOND, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def each(names, inner):
    """The managed fields of a list whose members have a key."""
    return {name: {".": {}, **{f"f:{field}": {} for field in inner}} for name in names}


def container(index, app):
    name = ("app", "proxy")[index]
    return {
        "name": name,
        "image": f"registry.example.com/{app}/{name}:v1.{index}.7",
        "args": ["--listen=:8080", "--log.format=json", f"--name={app}"],
        "ports": [{"name": "http", "containerPort": 8080 + index, "protocol": "TCP"}, {"name": "metrics", "containerPort": 9090 + index, "protocol": "TCP"}],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}}]
        + [{"name": f"SETTING_{n}", "value": f"https://{app}-{n}.example.com:8443/path"} for n in range(6)],
        "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "settings", "readOnly": True, "mountPath": "/etc/app"},
            {"name": "cache", "mountPath": "/var/cache"},
            {"name": "kube-api-access", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 5, "successThreshold": 1, "failureThreshold": 3},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
    }


def ran(index, app):
    name = ("app", "proxy")[index]
    digest = hashlib.sha256(f"{app} {name}".encode()).hexdigest()
    return {
        "name": name,
        "state": {"running": {"startedAt": "@STARTED@"}},
        "lastState": {},
        "ready": True,
        "restartCount": "@RESTARTS@",
        "image": f"registry.example.com/{app}/{name}:v1.{index}.7",
        "imageID": f"registry.example.com/{app}/{name}@sha256:{digest}",
        "containerID": f"containerd://@ID{index}@",
        "started": True,
        "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
    }


def names(number):
    """Namespace, application, hash and uid of a ReplicaSet."""
    app = f"service-{number}"
    return f"team-{number % NAMESPACES}", app, short(SAFE, 10, "hash", number), uid("replicaset", number)


def labels(app, digest):
    return {
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/part-of": "shop",
        "app.kubernetes.io/version": "1.0.7",
        "team": f"team-{app}",
        "pod-template-hash": digest,
    }


def pod_template(number):
    """The JSON of the pods of a ReplicaSet, with marks where they differ."""
    namespace, app, digest, owner = names(number)
    mounts = each(['k:{"mountPath":"/etc/app"}', 'k:{"mountPath":"/var/cache"}'], ["mountPath", "name"])
    fields = {"f:args": {}, "f:env": {".": {}, **each([f'k:{{"name":"SETTING_{n}"}}' for n in range(6)], ["name", "value"])}, "f:image": {},
              "f:imagePullPolicy": {}, "f:livenessProbe": {".": {}, "f:failureThreshold": {}, "f:httpGet": {".": {}, "f:path": {}, "f:port": {}}},
              "f:name": {}, "f:ports": {".": {}}, "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}, "f:memory": {}}},
              "f:volumeMounts": {".": {}, **mounts}}
    conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "@POD@",
            "generateName": f"{app}-{digest}-",
            "namespace": namespace,
            "uid": "@UID@",
            "generation": 1,
            "creationTimestamp": SECOND,
            "labels": labels(app, digest),
            "annotations": {"prometheus.io/scrape": "true", "checksum/config": hashlib.sha256(app.encode()).hexdigest()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-{digest}", "uid": owner, "controller": True, "blockOwnerDeletion": True}],
            "managedFields": [
                managed("kube-controller-manager", {
                    "f:metadata": {"f:generateName": {}, "f:labels": {".": {}, **{f"f:{name}": {} for name in labels(app, digest)}},
                                   "f:ownerReferences": {".": {}, f'k:{{"uid":"{owner}"}}': {}}},
                    "f:spec": {"f:containers": {'k:{"name":"app"}': fields, 'k:{"name":"proxy"}': fields}, "f:dnsPolicy": {}, "f:restartPolicy": {},
                               "f:schedulerName": {}, "f:terminationGracePeriodSeconds": {}}}),
                managed("kubelet", {
                    "f:status": {"f:conditions": each([f'k:{{"type":"{name}"}}' for name in conditions], ["lastProbeTime", "lastTransitionTime", "status", "type"]),
                                 "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {}, "f:startTime": {}}}, subresource="status"),
            ],
        },
        "spec": {
            "volumes": [
                {"name": "settings", "configMap": {"name": f"{app}-settings", "defaultMode": 420}},
                {"name": "cache", "emptyDir": {}},
                {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                    {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}},
            ],
            "containers": [container(index, app) for index in range(2)],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": app,
            "serviceAccount": app,
            "nodeName": "@NODE@",
            "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
            "schedulerName": "default-scheduler",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {
            "observedGeneration": 1,
            "phase": "Running",
            "conditions": [{"type": name, "observedGeneration": 1, "status": "True", "lastProbeTime": None, "lastTransitionTime": SECOND} for name in conditions],
            "hostIP": "@HOST@",
            "hostIPs": [{"ip": "@HOST@"}],
            "podIP": "@IP@",
            "podIPs": [{"ip": "@IP@"}],
            "startTime": SECOND,
            "containerStatuses": [ran(index, app) for index in range(2)],
            "qosClass": "Burstable",
        },
    }
    return json.dumps(pod, separators=(",", ":"))


def pod(template, number, nodes, restarts=0):
    """The key and the JSON of a pod."""
    namespace, app, digest, _ = names(number // PER_REPLICASET)
    name = f"{app}-{digest}-{short(SAFE, 5, 'pod', number)}"
    node = number % nodes
    host = f"10.0.{node // 250}.{node % 250 + 1}"
    changes = {
        "@POD@": name,
        "@UID@": uid("pod", number),
        "@NODE@": node_name(node),
        "@HOST@": host,
        "@IP@": f"10.{64 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}",
        "@ID0@": hashlib.sha256(f"{number} 0 {restarts}".encode()).hexdigest(),
        "@ID1@": hashlib.sha256(f"{number} 1 {restarts}".encode()).hexdigest(),
        '"@RESTARTS@"': str(restarts),
        "@STARTED@": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1767323050 + number % 5000 + 60 * restarts)),
    }
    for mark, value in changes.items():
        template = template.replace(mark, value)
    return f"/registry/pods/{namespace}/{name}", template


def pods(numbers, nodes, restarts=0):
    last = template = None
    for number in numbers:
        if number // PER_REPLICASET != last:
            last = number // PER_REPLICASET
            template = pod_template(last)
        yield pod(template, number, nodes, restarts)


def node_name(number):
    return f"node-{number}.example.com"


def node(number):
    name = node_name(number)
    conditions = [("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False"), ("Ready", "True")]
    resources = {"cpu": "32", "memory": "131072000Ki", "ephemeral-storage": "511750Mi", "pods": "250", "hugepages-1Gi": "0", "hugepages-2Mi": "0"}
    return f"/registry/minions/{name}", json.dumps({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": uid("node", number), "creationTimestamp": SECOND,
                     "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": f"zone-{number % 3}"}},
        "spec": {"podCIDR": f"10.64.{number % 256}.0/24", "providerID": f"example://{name}"},
        "status": {
            "capacity": resources,
            "allocatable": {**resources, "cpu": "31500m", "memory": "126000000Ki"},
            "conditions": [{"type": kind, "status": status, "reason": "Kubelet", "message": "as the kubelet says", "lastHeartbeatTime": SECOND, "lastTransitionTime": SECOND} for kind, status in conditions],
            "addresses": [{"type": "InternalIP", "address": f"10.0.{number // 250}.{number % 250 + 1}"}, {"type": "Hostname", "address": name}],
            "nodeInfo": {"machineID": uid("machine", number), "systemUUID": uid("system", number), "bootID": uid("boot", number), "kernelVersion": "6.12.0", "osImage": "Debian GNU/Linux 13",
                         "containerRuntimeVersion": "containerd://2.1.4", "kubeletVersion": "v1.36.3", "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64"},
            "images": [{"names": [f"registry.example.com/service-{n}/app:v1.0.7"], "sizeBytes": 50000000 + n} for n in range(50)],
        },
    }, separators=(",", ":"))


def replicaset(number):
    namespace, app, digest, own = names(number)
    name = f"{app}-{digest}"
    template = json.loads(pod_template(number))
    selector = {"app.kubernetes.io/name": app, "pod-template-hash": digest}
    spec = {key: value for key, value in template["spec"].items() if key not in ("nodeName", "tolerations", "priority", "preemptionPolicy")}
    return f"/registry/replicasets/{namespace}/{name}", json.dumps({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": namespace, "uid": own, "generation": 1, "creationTimestamp": SECOND, "labels": labels(app, digest),
                     "annotations": {"deployment.kubernetes.io/desired-replicas": "10", "deployment.kubernetes.io/revision": "1"},
                     "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": app, "uid": uid("deployment", number), "controller": True, "blockOwnerDeletion": True}]},
        "spec": {"replicas": PER_REPLICASET, "selector": {"matchLabels": selector}, "template": {"metadata": {"labels": labels(app, digest)}, "spec": spec}},
        "status": {"replicas": PER_REPLICASET, "fullyLabeledReplicas": PER_REPLICASET, "readyReplicas": PER_REPLICASET, "availableReplicas": PER_REPLICASET, "observedGeneration": 1},
    }, separators=(",", ":"))


def namespace(number):
    name = f"team-{number}"
    return f"/registry/namespaces/{name}", json.dumps({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "uid": uid("namespace", number), "creationTimestamp": SECOND, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
    })


class Etcd:
    """etcd's JSON gateway over a kept connection."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)

    def ask(self, path, request):
        self.connection.request("POST", path, json.dumps(request), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"etcd {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text)

    def put(self, objects):
        """One after the other, as the API server does."""
        for key, text in objects:
            self.ask("/v3/kv/put", put(key, text))

    def put_all(self, objects):
        """Many at a time: one revision for all of them, which only a cluster without watches takes well."""
        batch = []
        for key, text in objects:
            batch.append({"requestPut": put(key, text)})
            if len(batch) == BATCH:
                self.ask("/v3/kv/txn", {"success": batch})
                batch = []
        if batch:
            self.ask("/v3/kv/txn", {"success": batch})


def put(key, text):
    return {"key": base64.b64encode(key.encode()).decode(), "value": base64.b64encode(text.encode()).decode()}


def fill(etcd, count, nodes):
    etcd.put_all(namespace(number) for number in range(NAMESPACES))
    etcd.put_all(node(number) for number in range(nodes))
    etcd.put_all(replicaset(number) for number in range(count // PER_REPLICASET))
    etcd.put_all(pods(range(count), nodes))


def change(etcd, count, nodes, share, round_):
    """Restarts containers of a share of the pods."""
    chosen = random.Random(round_).sample(range(count), int(count * share))
    etcd.put(pods(sorted(chosen), nodes, round_))


def remove(etcd, count, nodes, share):
    """Deletes a share of the pods."""
    for key, _ in pods(range(count - int(count * share), count), nodes):
        etcd.ask("/v3/kv/deleterange", {"key": base64.b64encode(key.encode()).decode()})


def compact(etcd):
    """Forgets every revision but the last."""
    answer = etcd.ask("/v3/kv/range", {"key": base64.b64encode(b"/").decode()})
    etcd.ask("/v3/kv/compaction", {"revision": answer["header"]["revision"], "physical": True})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fill", "change", "remove", "compact", "print"])
    parser.add_argument("etcd", nargs="?")
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--round", type=int, default=0)
    args = parser.parse_args()
    if args.what == "print":
        for _, text in pods(range(args.pods), args.nodes, args.round):
            print(text)
        return
    if not args.etcd:
        parser.error("where is etcd?")
    etcd = Etcd(args.etcd)
    if args.what == "fill":
        fill(etcd, args.pods, args.nodes)
    elif args.what == "change":
        change(etcd, args.pods, args.nodes, args.share, args.round)
    elif args.what == "remove":
        remove(etcd, args.pods, args.nodes, args.share)
    else:
        compact(etcd)


if __name__ == "__main__":
    main()
