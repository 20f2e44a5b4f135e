#!/usr/bin/env python3
"""Fills a booted host with units, so that it has about as many as a large server: run it inside.

    units.py [TOTAL_SERVICES]      default 850: with the system's own, 878 services, 101 timers, 56 sockets

Two thirds of the services run, a ninth has failed, the rest never ran. Six sockets accept for
themselves, which is the only kind whose counters move.
"""
import pathlib
import subprocess
import sys

total = int(sys.argv[1]) if len(sys.argv) > 1 else 850
failed = total * 100 // 878
active = total * 600 // 878
units = pathlib.Path("/run/systemd/system")
units.mkdir(parents=True, exist_ok=True)


def write(name, text):
    (units / name).write_text(text)


for i in range(total):
    if i < active:
        kind = ("exec", "/bin/sleep infinity") if i % 3 else ("oneshot\nRemainAfterExit=yes", "/bin/true")
    elif i < active + failed:
        kind = ("oneshot", "/bin/false")
    else:
        kind = ("simple", "/bin/sleep infinity")
    write(f"gen-{i}.service", f"[Unit]\nDescription=generated {i}\n[Service]\nType={kind[0]}\nExecStart={kind[1]}\n")
idle = [f"gen-{i}.service" for i in range(active + failed, total)]
for i in range(95):
    write(f"gen-{i}.timer", f"[Timer]\nOnCalendar=2100-01-01 0{i % 10}:00:00\nUnit={idle[i % len(idle)]}\n")
for i in range(46):
    accept = i < 6
    if accept:
        write(f"genacc{i}@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
        write(f"genacc{i}.socket", f"[Socket]\nListenStream=/run/genacc{i}.sock\nAccept=yes\n")
    else:
        write(f"gen-{i}.socket", f"[Socket]\nListenStream=/run/gen-{i}.sock\nService={idle[i % len(idle)]}\n")
subprocess.run(["systemctl", "daemon-reload"], check=True)


def systemctl(*args):
    subprocess.run(["systemctl", *args], check=False, stderr=subprocess.DEVNULL)


names = [f"gen-{i}.service" for i in range(active + failed)]
systemctl("start", *[f"gen-{i}.timer" for i in range(95)])
systemctl("start", *[f"genacc{i}.socket" if i < 6 else f"gen-{i}.socket" for i in range(46)])
for start in range(0, len(names), 100):
    systemctl("start", "--no-block", *names[start : start + 100])
# Start the never-run ones' units into memory: they are loaded because timers and sockets name them.
subprocess.run(["systemctl", "show", "-p", "Id", *idle], check=False, stdout=subprocess.DEVNULL)
