"""Clients for the integration tests: one careful connection, and many that keep asking."""
import re
import socket
import threading
import time

from support import wire


class CutShort(ConnectionError):
    """The connection ended inside a response."""


class Client:
    """One connection. Responses are read by the strict reader; the body may go to a sink instead of into memory. Half a
    response is an error, unless `allow_cut` asks for it: then it comes with its `cut` set."""

    def __init__(self, port, host="127.0.0.1", source=None, seconds=10):
        self.sock = socket.create_connection((host, port), timeout=seconds,
                                             source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = bytearray()

    def send(self, data):
        self.sock.sendall(data)

    def get(self, target, headers="", allow_cut=False):
        self.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n".encode())
        return self.response(allow_cut=allow_cut)

    def response(self, method="GET", allow_cut=False):
        ended = False
        while True:
            try:
                message, length = wire.read_response(self.data, method, ended)
            except wire.Incomplete:
                if ended:
                    raise ConnectionError(f"the connection ended after {bytes(self.data)!r}") from None
                piece = self.sock.recv(262144)
                ended = not piece
                self.data += piece
                continue
            del self.data[:length]
            if message.cut and not allow_cut:
                raise CutShort(f"the connection ended inside a response: {message}")
            return message

    def rest(self):
        """What comes until the other side ends the connection."""
        while piece := self.sock.recv(262144):
            self.data += piece
        rest, self.data = bytes(self.data), bytearray()
        return rest

    def download(self, sink):
        """A response whose body is handed on in pieces: its head."""
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, _, rest = bytes(self.data).partition(b"\r\n\r\n")
        self.data = bytearray(rest)
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        if length:
            self._take(int(length.group(1)), sink)
        elif re.search(rb"(?im)^transfer-encoding: *chunked", head):
            while size := int(self._line(), 16):
                self._take(size, sink)
                assert self._line() == b""
            assert self._line() == b""
        return head.decode("latin-1")

    def _more(self):
        piece = self.sock.recv(262144)
        if not piece:
            raise CutShort("the connection ended inside a response")
        self.data += piece

    def _line(self):
        while b"\r\n" not in self.data:
            self._more()
        line, _, rest = self.data.partition(b"\r\n")
        self.data = bytearray(rest)
        return bytes(line)

    def _take(self, count, sink):
        while count:
            if not self.data:
                self._more()
            piece = bytes(self.data[:count])
            del self.data[:count]
            count -= len(piece)
            sink(piece)

    def ended(self, seconds=10):
        """True once the other side has closed, with nothing more to say."""
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Again:
    """Clients that do the same again and again, each with a connection of its own, from entering to leaving. What a turn
    raises of `failing` is a failure, and the next turn has another connection.

    Another class says what connect() gives and what turn() does with it."""

    failing = (OSError,)

    def __init__(self, count):
        self.failures = []
        self.lock = threading.Lock()    # for what all clients count together
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def connect(self):
        """A connection; None: not now, and that is no failure."""
        raise NotImplementedError

    def turn(self, client):
        """Whether the connection is good for another turn."""
        raise NotImplementedError

    def step(self, client):
        """A turn with this connection, or with a new one; returns the one for the next."""
        try:
            client = client or self.connect()
            if client and not self.turn(client):
                client.close()
                return None
            return client
        except self.failing as error:
            with self.lock:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {error!r}")
            if client:
                client.close()
            return None

    def _run(self):
        client = None
        while not self._stop.is_set():
            client = self.step(client)


class Load(Again):
    """Connections that ask again and again until told to stop. Whatever is not the expected answer is a failure."""

    failing = (OSError, wire.BadMessage)

    def __init__(self, port, target, expected, connections=8):
        super().__init__(connections)
        self.port = port
        self.target = target
        self.expected = expected
        self.done = 0

    def connect(self):
        return Client(self.port)

    def turn(self, client):
        message = client.get(self.target)
        if message.status != 200 or message.body != self.expected:
            raise ConnectionError(f"answered {message}")
        with self.lock:
            self.done += 1
        return "close" not in message.values("Connection")
