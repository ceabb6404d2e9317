"""The Python half of Cartwheel's bridge: makes Gymnasium environments and steps them when told to.

Cartwheel starts it with a socket as its standard input and a nameless file of shared memory as its standard output.
Messages are a length (u32), a kind (one byte) and a body; every message is answered by one. Observations do not
travel: they are written into the shared memory, which Cartwheel reads. Needs gymnasium and numpy, nothing else.

The files of this folder are one program: `worker.rs` joins them in order, this one first and worker.py last, and hands
it to `python -c`. They share one namespace, in which `load` puts `gymnasium` and `np`.
"""

import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

# Seconds to close environments in once Cartwheel is gone.
GRACE = 2.0


class Failure(Exception):
    """Something that ends the run: what is wrong, and what to do about it."""

    def __init__(self, problem, advice):
        super().__init__(problem)
        self.problem, self.advice = problem, advice


def take_over():
    """Takes the socket and the memory from standard input and output, which then are as user code expects them."""
    control, memory = socket.socket(fileno=os.dup(0)), os.dup(1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    # Whatever is printed goes to standard error: Cartwheel's own standard output is not ours to write to.
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)
    # A process that user code forks must not keep the socket open after this one is dead.
    os.register_at_fork(after_in_child=control.close)
    threading.Thread(target=die_with_parent, args=(control,), daemon=True).start()
    return control, memory


def die_with_parent(control):
    """Ends this process and all it started if Cartwheel is gone, even while user code hangs."""
    hang_up = select.poll()
    hang_up.register(control, 0)
    hang_up.poll()
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


class Channel:
    """Messages over the socket, read into one buffer."""

    def __init__(self, control):
        self.control = control
        self.buffer = bytearray(1 << 16)

    def receive(self):
        """The next message's kind and length; its body begins at byte 5 of the buffer. Ends with the socket."""
        have, need = 0, 5
        while have < need:
            count = self.control.recv_into(memoryview(self.buffer)[have:])
            if count == 0:
                raise EOFError
            have += count
            if have >= 5:
                need = 5 + int.from_bytes(self.buffer[:4], "little")
                if need > len(self.buffer):
                    # A new one: what looks at the old one stays with the old one. See Worker.map, which makes it large
                    # enough for all that follows.
                    self.buffer = self.buffer[:have] + bytearray(need - have)
        return chr(self.buffer[4]), need - 5

    def body(self, length):
        return bytes(memoryview(self.buffer)[5 : 5 + length])

    def json(self):
        """The next message, which is JSON."""
        return json.loads(self.body(self.receive()[1]))

    def send(self, kind, body=b""):
        self.control.sendall(struct.pack("<IB", len(body), ord(kind)) + body)

    def send_json(self, kind, value):
        self.send(kind, json.dumps(value).encode())
