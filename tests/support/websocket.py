"""WebSockets byte by byte (a service and a client of our own), and as npm's `ws` speaks them (tests/npm)."""
import base64
import hashlib
import json
import os
import pathlib
import queue
import re
import shutil
import socket
import struct
import subprocess
import threading

from support.wait import wait_until

NPM = pathlib.Path(__file__).resolve().parents[1] / "npm"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def have_npm():
    return shutil.which("node") is not None and (NPM / "node_modules" / "ws").is_dir()


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def frame(payload=b"", opcode=2, mask=None, final=True):
    """A frame; mask: four bytes."""
    size = len(payload)
    flag = 0x80 if mask else 0
    head = bytes([(0x80 if final else 0) | opcode])
    head += (bytes([flag | size]) if size < 126 else bytes([flag | 126]) + struct.pack(">H", size) if size < 65536
             else bytes([flag | 127]) + struct.pack(">Q", size))
    return head + (mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if mask else payload)


def request(target="/api/v1/s0/ws", extra="", key=KEY, version="13", method="GET", connection="keep-alive, Upgrade",
            upgrade="websocket"):
    lines = [f"{method} {target} HTTP/1.1", "Host: test"]
    lines += [f"{name}: {value}" for name, value in (("Connection", connection), ("Upgrade", upgrade),
              ("Sec-WebSocket-Version", version), ("Sec-WebSocket-Key", key)) if value is not None]
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode()


class Socket:
    """One end of a connection, read with a deadline."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""
        sock.settimeout(10)

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        piece = self.sock.recv(262144)
        if not piece:
            raise EOFError
        self.data += piece

    def head(self):
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def exactly(self, size):
        while len(self.data) < size:
            self.more()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def frame(self):
        """(opcode, payload) of the next, unmasked."""
        first, second = self.exactly(2)
        size = second & 127
        if size > 125:
            size = int.from_bytes(self.exactly(2 if size == 126 else 8), "big")
        mask = self.exactly(4) if second & 128 else None
        payload = self.exactly(size)
        return first & 15, bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if mask else payload

    def rest(self):
        """All bytes until the end; a reset ends it too."""
        try:
            while True:
                self.more()
        except (EOFError, ConnectionError):
            pass
        taken, self.data = self.data, b""
        return taken

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def connect(port, receive_buffer=None, source=None):
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Socket(sock)


class Service:
    """Agrees to every WebSocket, or answers what it is told to, and hands the connections to the test."""

    def __init__(self, answer=None, behind=b"", backlog=1024):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.answer, self.behind = answer, behind
        self.heads = []
        self.opened = queue.Queue()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Socket(sock)
            try:
                head = connection.head()
            except (EOFError, OSError):
                continue
            self.heads.append(head)
            if self.answer is None:
                key = re.search(r"(?im)^sec-websocket-key: (\S+)", head)
                answer = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
                          f"Sec-WebSocket-Accept: {accept_of(key.group(1))}\r\n\r\n").encode()
            else:
                answer = self.answer
            connection.send(answer + self.behind)
            self.opened.put(connection)

    def next(self):
        return self.opened.get(timeout=10)

    def close(self):
        self.listener.close()
        while not self.opened.empty():
            self.opened.get().close()


class Node:
    """A program of tests/npm: orders in, events out, both JSON lines."""

    def __init__(self, program, *arguments):
        self.events = []
        self.process = subprocess.Popen(["node", str(NPM / program), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=os.environ | {"NODE_ENV": "test"})
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def order(self, **what):
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        self.process.stdin.flush()

    def event(self, name, seconds=10):
        """The first event of that name, when it is there; it is taken away."""
        found = wait_until(lambda: [e for e in self.events if name in e], seconds, f"{name} of {self.events[-5:]}")[0]
        self.events.remove(found)
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
