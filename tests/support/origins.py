"""A service behind the gateway that does what the path asks for, well or badly.

    /…/text           200, "hello from <name>"
    /…/bytes?n=       n bytes of a known pattern; &chunked=1: without a length; &gzip=1: labelled as gzip
    /…/digest         reads the body: {"bytes": …, "sha256": …, "contentType": …}
    /…/hold           answers when release() is called
    /…/seen           what arrived: {"line": …, "headers": {lower-case name: value}, "sha256": … of the body}
    /…/owned?by=      says that what it gives is that tenant's (X-Resource-Tenant)
    /…/status?code=   an empty answer with that status
    /…/cut            announces more than it sends, and closes
"""
import gzip
import hashlib
import json
import re
import socket
import threading

BLOCK = bytes(range(256)) * 256   # 64 KiB


def pattern(size):
    """The bytes of /bytes, in pieces."""
    while size > 0:
        piece = BLOCK[:min(size, len(BLOCK))]
        yield piece
        size -= len(piece)


class _Input:
    """Buffered reading of one connection."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""

    def more(self):
        piece = self.sock.recv(262144)
        if not piece:
            raise EOFError
        self.data += piece

    def until(self, mark):
        while mark not in self.data:
            self.more()
        found, _, self.data = self.data.partition(mark)
        return found

    def exactly(self, count):
        """count bytes, in pieces."""
        while count:
            if not self.data:
                self.more()
            piece, self.data = self.data[:count], self.data[count:]
            count -= len(piece)
            yield piece

    def body(self, head):
        """The body that a head announces, in pieces."""
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        if re.search(rb"(?im)^transfer-encoding: *chunked", head):
            while size := int(self.until(b"\r\n"), 16):
                yield from self.exactly(size)
                assert b"".join(self.exactly(2)) == b"\r\n"
            while self.until(b"\r\n"):
                pass
        elif length:
            yield from self.exactly(int(length.group(1)))


class Origin:
    def __init__(self, name="origin", host="127.0.0.1", port=0):
        self.name = name
        self.listener = socket.create_server((host, port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self.requests = 0
        self.holding = 0
        self.released = threading.Event()
        self.broken = []          # connections that ended inside a message
        self.turned_down = []     # the first request to …/second: its connection was closed instead of an answer
        self._connections = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    @property
    def connections(self):
        with self._lock:
            return len(self._connections)

    def _serve(self, sock):
        stream = _Input(sock)
        inside = False
        try:
            while True:
                inside = False
                head = stream.until(b"\r\n\r\n") + b"\r\n"
                inside = True
                with self._lock:
                    self.requests += 1
                target = head.split(b" ", 2)[1].decode("latin-1")
                if not self._answer(sock, stream, head, target):
                    return
        except (OSError, EOFError) as error:
            if inside:
                self.broken.append(repr(error))
        finally:
            with self._lock:
                self._connections.discard(sock)
            sock.close()

    def _answer(self, sock, stream, head, target):
        path, _, query = target.partition("?")
        options = dict(p.partition("=")[::2] for p in query.split("&"))
        action = path.rsplit("/", 1)[-1]
        if action == "digest":
            self._digest(sock, stream, head)
            return True
        if action == "echo":
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in stream.body(head):
                sock.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            sock.sendall(b"0\r\n\r\n")
            return True
        digest = hashlib.sha256()
        for piece in stream.body(head):
            digest.update(piece)
        if action == "second" and not self.turned_down:
            self.turned_down.append(head)
            return False
        if action in ("seen", "second"):
            self._seen(sock, head, digest)
        elif action == "owned":
            owners = b"".join(b"%s: %s\r\n" % (options.get("as", "X-Resource-Tenant").encode(), owner.encode())
                              for owner in options["by"].split("+"))
            sock.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: 6\r\n\r\nsecret" % owners)
        elif action == "status":
            sock.sendall(b"HTTP/1.1 %s Status\r\nContent-Length: 0\r\n\r\n" % options["code"].encode())
        elif action == "bytes":
            self._bytes(sock, options)
        elif action == "cut":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            return False
        else:
            if action == "hold":
                with self._lock:
                    self.holding += 1
                self.released.wait(60)
            body = b"hello from " + self.name.encode()
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return True

    @staticmethod
    def _seen(sock, head, digest):
        lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        body = json.dumps({"line": lines[0], "headers": fields, "sha256": digest.hexdigest()}).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(body), body))

    @staticmethod
    def _digest(sock, stream, head):
        digest, count = hashlib.sha256(), 0
        for piece in stream.body(head):
            digest.update(piece)
            count += len(piece)
        kind = re.search(rb"(?im)^content-type: *([^\r]*)", head)
        body = json.dumps({"bytes": count, "sha256": digest.hexdigest(),
                           "contentType": kind.group(1).decode() if kind else None}).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(body), body))

    @staticmethod
    def _bytes(sock, options):
        size = int(options["n"])
        if options.get("gzip"):
            body = gzip.compress(b"".join(pattern(size)), 1, mtime=0)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        elif options.get("chunked"):
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in pattern(size):
                sock.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            sock.sendall(b"0\r\n\r\n")
        else:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for piece in pattern(size):
                sock.sendall(piece)

    def release(self):
        self.released.set()

    def close(self):
        self.released.set()
        self.listener.close()
        with self._lock:
            for sock in self._connections:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
