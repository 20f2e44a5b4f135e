#!/usr/bin/env python3
"""Writes entries to journald by its native protocol, those that readers of journals get wrong among them: run it in a host.

    entries.py COUNT [SEED]    a mixture: short, long and compressed messages, several lines, bytes that are no text,
                               a field several times, an empty field, no message, no priority and none that there is
    entries.py poison          one entry of each kind that has stopped a reader: 300 fields, a field of 3 MB, 900 equal
                               names, a name of 64 bytes, 200 KB that compress to nothing
    entries.py spoof UNIT      two lines at priority `err` that claim to be about UNIT and to be the kernel's
    entries.py export COUNT [SEED]  the mixture as `journalctl -o export` writes it, for systemd-journal-remote; no host

As a service of type `notify` it says when all is sent and stays until it is stopped: journald looks up whose a line is when
it takes it, and finds nobody where the writer has ended by then.

What is written follows from COUNT and SEED, so that two runs differ in times and ids only.
"""
import os
import random
import signal
import socket
import struct
import sys

SOCKET = "/run/systemd/journal/socket"
WORDS = (
    "connection timeout upstream error failed to open request handled user session accepted retry backend device disk "
    "kernel memory pod container volume mount reconcile status update healthy probe latency exceeded threshold dropping"
).split()
# How often each priority comes, of 0 (emerg) to 7 (debug), in a thousand.
PRIORITIES = (1, 1, 3, 50, 60, 50, 780, 55)
START_FAILED = b"be02cf6855d2428ba40df7e9d022f03d"


def field(name, value):
    if b"\n" in value or (value and min(value) < 32):
        return name + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return name + b"=" + value + b"\n"


def send(connection, datagram):
    try:
        connection.send(datagram)
    except OSError:
        # Too long for a datagram: journald takes a sealed file in its place.
        file = os.memfd_create("entry", os.MFD_ALLOW_SEALING)
        with open(file, "wb") as out:
            out.write(datagram)
            out.flush()
            import fcntl

            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
            socket.send_fds(connection, [b""], [file])


def mixture(count, seed):
    r = random.Random(seed)
    phrases = [" ".join(r.choice(WORDS) for _ in range(6)) for _ in range(1000)]
    tables = {
        "few": lambda i: f"{r.choice(phrases)} id={i} took={r.randint(1, 99999)}us".encode(),
        "many": lambda i: (" ".join(r.choice(phrases) for _ in range(7)) + f" id={i}").encode(),
        "compressed": lambda i: (" ".join(r.choice(phrases) for _ in range(r.randint(14, 60))) + f" id={i}").encode(),
        "lines": lambda i: "\n".join(r.choice(phrases) for _ in range(12)).encode() + b"\n" * (i % 3),
        "bytes": lambda i: r.randbytes(r.choice((1, 80, 700))),
    }
    kinds = r.choices([*tables, "twice", "empty", "silent"], (840, 100, 25, 10, 10, 8, 4, 3), k=count)
    priorities = r.choices(range(8), PRIORITIES, k=count)
    for i, (kind, priority) in enumerate(zip(kinds, priorities)):
        entry = field(b"CODE_LINE", b"%d" % r.randint(1, 2000)) + b"CODE_FILE=src/main.c\nSYSLOG_IDENTIFIER=entries\n"
        if kind == "silent":
            # No message, and a priority that is none or not there.
            entry += field(b"PRIORITY", r.choice((b"8", b"err", b"-1", b""))) if i % 2 else b"LONELY=1\n"
        else:
            entry += field(b"PRIORITY", b"%d" % priority)
            message = tables.get(kind, tables["few"])(i)
            entry += field(b"MESSAGE", b"" if kind == "empty" else message)
        if kind == "twice":
            entry += field(b"TAG", b"a") + field(b"TAG", b"b") + field(b"TAG", b"a") + field(b"MESSAGE", b"again %d" % i)
            entry += field(b"MESSAGE_ID", START_FAILED) + field(b"BLOB", r.randbytes(40) + b"\0\n=\xff")
        yield entry


def poison():
    yield b"MESSAGE=300 fields\nPRIORITY=3\n" + b"".join(field(b"F%d" % i, b"%d" % i) for i in range(300))
    yield b"MESSAGE=3 MB\nPRIORITY=3\n" + field(b"LARGE", random.Random(3).randbytes(3 << 19).hex().encode())
    yield b"MESSAGE=900 equal names\nPRIORITY=3\n" + b"".join(field(b"SAME", b"%d" % i) for i in range(900))
    yield b"MESSAGE=a long name\nPRIORITY=3\n" + field(b"N" * 64, b"1")
    yield b"MESSAGE=a small thing that is large\nPRIORITY=3\n" + field(b"ZEROS", b"0" * 200_000)


def spoof(unit):
    claim = field(b"UNIT", unit) + field(b"_SYSTEMD_UNIT", unit) + b"_TRANSPORT=kernel\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n"
    yield b"MESSAGE=Out of memory: Killed process 1 (init)\nPRIORITY=3\n" + claim
    yield b"MESSAGE=failed\nPRIORITY=3\nMESSAGE_ID=fe6faa94e7774663a0da52717891d8ef\n" + claim


def export(count, seed):
    """The mixture with times and ids of its own, an entry a millisecond from 1 January 2026."""
    boot = b"0123456789abcdef0123456789abcdef"
    for i, entry in enumerate(mixture(count, seed)):
        head = b"__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n" % (1767225600_000000 + i * 1000, 5_000000 + i * 1000)
        unit = b"_SYSTEMD_UNIT=unit%d.service\n" % (i % 3)
        sys.stdout.buffer.write(head + b"_BOOT_ID=" + boot + b"\n_TRANSPORT=journal\n" + unit + entry + b"\n")


def main():
    what, *rest = sys.argv[1:]
    if what == "export":
        return export(int(rest[0]), int(rest[1]) if len(rest) > 1 else 1)
    if what == "poison":
        entries = poison()
    elif what == "spoof":
        entries = spoof(rest[0].encode())
    else:
        entries = mixture(int(what), int(rest[0]) if rest else 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect(SOCKET)
        for entry in entries:
            send(connection, entry)
    if manager := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.sendto(b"READY=1", manager)
        signal.pause()


main()
