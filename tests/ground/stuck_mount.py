"""A file system that never answers statfs(2), and a program that runs beside it.

usage: unshare --mount --pid --fork --kill-child --mount-proc stuck_mount.py DIR PROGRAM [ARG…]

Mounts a FUSE file system on DIR, whose root directory answers everything but STATFS, and runs PROGRAM. SIGUSR1 lets go: what
waits is answered, and so is what comes after it. SIGUSR2 holds again. Ends with PROGRAM. It speaks the kernel's protocol itself,
so that it needs no library; mount and process end with the namespaces.
"""
import ctypes
import errno
import os
import signal
import struct
import subprocess
import sys
import threading

IN = struct.Struct("<IIQQIIIHH")  # length, opcode, unique, node, uid, gid, pid, extensions, padding
OUT = struct.Struct("<IiQ")  # length, error, unique
LOOKUP, FORGET, GETATTR, STATFS, INIT, OPENDIR, INTERRUPT, DESTROY, BATCH_FORGET = 1, 2, 3, 17, 26, 27, 36, 38, 42
S_IFDIR = 0o040000

directory, command = sys.argv[1], sys.argv[2:]
fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
held = []
lock = threading.Lock()
holding = True


def answer(unique, body=b"", error=0):
    try:
        os.write(fuse, OUT.pack(OUT.size + len(body), -error, unique) + body)
    except OSError as gone:
        # The asker was interrupted meanwhile.
        if gone.errno != errno.ENOENT:
            raise


def statfs(unique):
    # blocks, free, available, files, free files; block size, name length, fragment size
    answer(unique, struct.pack("<5Q4I24x", 1000, 400, 300, 50, 20, 4096, 255, 4096, 0))


def let_go():
    global holding
    with lock:
        holding = False
        while held:
            statfs(held.pop())


def hold():
    global holding
    with lock:
        holding = True


def serve():
    while True:
        try:
            request = os.read(fuse, 1 << 17)
        except OSError as gone:
            if gone.errno in (errno.EINTR, errno.ENOENT):
                continue
            return
        _, opcode, unique, _, _, _, _, _, _ = IN.unpack_from(request)
        if opcode == INIT:
            answer(unique, struct.pack("<4I2HII2HII24x", 7, 31, 0, 0, 12, 9, 4096, 1, 0, 0, 0, 0))
        elif opcode == GETATTR:
            # valid for a second; inode, size, blocks, 3 times, 3 nanoseconds, mode, links, owner, …
            attributes = struct.pack("<6Q10I", 1, 0, 0, 0, 0, 0, 0, 0, 0, S_IFDIR | 0o755, 2, 0, 0, 0, 4096, 0)
            answer(unique, struct.pack("<QII", 1, 0, 0) + attributes)
        elif opcode == STATFS:
            with lock:
                if holding:
                    held.append(unique)
                else:
                    statfs(unique)
        elif opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            pass
        elif opcode == DESTROY:
            answer(unique)
        else:
            answer(unique, error=errno.ENOENT if opcode == LOOKUP else errno.ENOSYS)


libc = ctypes.CDLL(None, use_errno=True)
options = f"fd={fuse},rootmode={S_IFDIR:o},user_id=0,group_id=0,allow_other".encode()
if libc.mount(b"stuck", directory.encode(), b"fuse", 0, options) != 0:
    number = ctypes.get_errno()
    sys.exit(f"mount: {os.strerror(number)}")
threading.Thread(target=serve, daemon=True).start()
signal.signal(signal.SIGUSR1, lambda *_: let_go())
signal.signal(signal.SIGUSR2, lambda *_: hold())
sys.exit(subprocess.call(command, stdin=subprocess.DEVNULL))
