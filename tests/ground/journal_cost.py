#!/usr/bin/env python3
"""What the journal costs the exporter, beside journald and journalctl: `tests/bench` runs it in a host.

usage: journal_cost.py BINARY ENTRIES

Prints JSON: entries that the exporter read in one go as it does after a restart, its CPU seconds for them (those of an
exporter that found nothing to read taken off), its memory then, journald's CPU seconds to write them and journalctl's
to print them. Then follows three writers, first without being asked (how many entries it counted late, by its own
account), then asked all the time: how long after an entry was written, by journald's clock, a scrape that has it ended.
"""
import json
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request

PAGE = "http://127.0.0.1:10150/metrics/journal"


class Exporter:
    """An exporter that has answered once."""

    def __init__(self, binary, state):
        flags = ["--collector.disable-defaults", "--journal=on", f"--state.dir={state}", "--web.listen-address=127.0.0.1:10150"]
        self.process = subprocess.Popen([binary, *flags], stderr=subprocess.DEVNULL)

    def entries(self, family="hybrid_journal_entries_total"):
        """How many entries it has counted, in all or in another family; None before it listens."""
        try:
            with urllib.request.urlopen(PAGE, timeout=30) as answer:
                page = answer.read().decode()
        except OSError:
            return None
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in page.splitlines() if line.startswith(family))

    def until(self, enough):
        """Asks until `enough` entries are counted, at most two minutes long."""
        for _ in range(1200):
            entries = self.entries()
            if entries is not None and entries >= enough:
                return entries
            if self.process.poll() is not None:
                sys.exit(f"the exporter ended with {self.process.returncode}")
            time.sleep(0.1)
        sys.exit(f"{entries} entries, {enough} expected")

    def cpu(self):
        """CPU seconds of all of its threads that live."""
        threads = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def memory(self):
        """Resident and anonymous memory at most and now, in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return [int(re.search(rf"{row}:\s+(\d+) kB", status)[1]) / 1024 for row in ("VmHWM", "RssAnon")]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def write(count):
    """Lets three units write so many entries."""
    writer = f"/usr/bin/python3 {pathlib.Path(__file__).with_name('entries.py')}"
    return [
        subprocess.Popen(["systemd-run", "--quiet", "--wait", "--collect", f"--unit=writer{n}", *writer.split(), str(count // 3), str(n)])
        for n in range(3)
    ]


def written(since):
    """When entries were written, by journald's clock, in seconds since 1970."""
    out = subprocess.check_output(["journalctl", "-o", "export", f"--since=@{since:.6f}"], timeout=600)
    mark = b"__REALTIME_TIMESTAMP="
    return sorted(int(line[len(mark):]) / 1e6 for line in out.split(b"\n") if line.startswith(mark))


def follow(binary, state, count):
    """The share of entries that are counted late, and the delays until a scrape shows them, sorted."""
    exporter = Exporter(binary, state)
    exporter.until(0)
    start = exporter.entries("hybrid_journal_late_entries_total"), exporter.entries()
    if any(unit.wait(600) for unit in write(count)):
        sys.exit("a writer failed")
    subprocess.run(["journalctl", "--sync"], check=True, timeout=60)
    end = exporter.entries("hybrid_journal_late_entries_total"), exporter.entries()
    late = (end[0] - start[0]) / (end[1] - start[1])
    began, before, scrapes = time.time(), exporter.entries(), []
    units = write(count)
    while True:
        ended = all(unit.poll() is not None for unit in units)
        scrapes.append((exporter.entries() - before, time.time()))
        if ended and scrapes[-1][0] >= count // 3 * 3:
            break
        if time.time() - began > 300:
            sys.exit(f"{scrapes[-1][0]} of {count} entries after five minutes")
    exporter.stop()
    times = [at for at in written(began) if at >= began][: scrapes[-1][0]]
    delays, at = [], 0
    for number, wrote in enumerate(times, 1):
        while scrapes[at][0] < number:
            at += 1
        delays.append(max(0.0, scrapes[at][1] - wrote))
    return late, sorted(delays)


def main():
    binary, count = sys.argv[1], int(sys.argv[2])
    state = tempfile.mkdtemp()
    # So that there is a position, and to know what an exporter costs that has nothing to read.
    for _ in range(2):
        idle = Exporter(binary, state)
        idle.until(0)
        before = idle.cpu(), idle.memory()
        idle.stop()
    journald = int(subprocess.check_output(["systemctl", "show", "-P", "MainPID", "systemd-journald"]))
    spent = cpu_of(journald)
    if any(unit.wait(600) for unit in write(count)):
        sys.exit("a writer failed")
    subprocess.run(["journalctl", "--sync"], check=True, timeout=60)
    spent = cpu_of(journald) - spent
    exporter = Exporter(binary, state)
    entries = exporter.until(count // 3 * 3)
    cost, memory = exporter.cpu() - before[0], exporter.memory()
    exporter.stop()
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = subprocess.Popen(["journalctl", "-o", "json", "-n", str(count)], stdout=subprocess.DEVNULL)
    printed.wait(600)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    journalctl = end.ru_utime - start.ru_utime + end.ru_stime - start.ru_stime
    late, delays = follow(binary, state, 90_000)
    delay = [delays[(len(delays) - 1) * part // 100] for part in (50, 99, 100)]
    print(json.dumps({"followed": len(delays), "late": late, "delay": delay, "entries": entries, "cpu": cost, "memory": memory, "idle": before[1], "journald": spent, "journalctl": journalctl}))


main()
