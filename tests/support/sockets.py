"""Connections of one scripted case: they send and receive together, so that no order of steps can block."""
import select
import socket
import time

from support.wait import TimedOut
from support.wire import printable


class Connection:
    """One end of a TCP connection with what has arrived and what still has to go out."""

    def __init__(self, sock, label, log):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.label = label
        self.inbox = bytearray()
        self.outbox = []
        self.ended = False       # no more bytes will come
        self.was_reset = False
        self.left = False        # this side has closed
        self.finish = None       # what to do once the outbox is empty
        self.messages = 0
        self.open_head = b""     # of a request whose body the script has not asked about
        self.log = log

    def queue(self, data, piece=None):
        self.log(f"{self.label} sends {printable(data, 2000)}")
        pieces = [data[i:i + piece] for i in range(0, len(data), piece)] if piece else [data]
        self.outbox += [p for p in pieces if p]

    def write_ready(self):
        while self.outbox:
            try:
                sent = self.sock.send(self.outbox[0])
            except BlockingIOError:
                return
            except OSError:
                # The other side has closed. What it said before is what the script asks about.
                self.outbox.clear()
                return
            if sent < len(self.outbox[0]):
                self.outbox[0] = self.outbox[0][sent:]
                return
            self.outbox.pop(0)
        if self.finish:
            action, self.finish = self.finish, None
            action()

    def read_ready(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
            self.was_reset = True
            self.log(f"{self.label} was reset")
        if data:
            self.log(f"{self.label} receives {printable(data, 2000)}")
            self.inbox += data
        else:
            self.log(f"{self.label} sees the end")
            self.ended = True

    def leave(self, how):
        """ends: half-close; closes: close; resets: close with RST. Each after what is queued."""
        def act():
            self.log(f"{self.label} {how}")
            try:
                if how == "ends":
                    self.sock.shutdown(socket.SHUT_WR)
                    return
                if how == "resets":
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.sock.close()
            except OSError:
                self.sock.close()
            self.left = self.ended = True
        self.finish = act
        self.write_ready()


class Exchange:
    """All connections of a case, and the listener where the gateway finds its upstream."""

    def __init__(self, target, listener, patience, source=None):
        self.target = target
        self.source = (source, 0) if source else None
        self.listener = listener
        self.patience = patience
        self.clients = {}
        self.upstreams = []
        self.began = time.monotonic()
        self.transcript = []

    def log(self, text):
        self.transcript.append(f"{(time.monotonic() - self.began) * 1000:7.1f} ms  {text}")

    def client(self, name):
        """The client connection of that name, made when it is first named."""
        if name not in self.clients:
            sock = socket.create_connection(self.target, self.patience, self.source)
            label = f"client {name}" if name else "client"
            self.clients[name] = Connection(sock, label, self.log)
        return self.clients[name]

    def pump(self, seconds):
        """Moves bytes on every connection; waits at most so long for something to happen."""
        poll = select.poll()
        by_fd = {}
        for connection in [*self.clients.values(), *self.upstreams]:
            events = (0 if connection.ended else select.POLLIN) | (select.POLLOUT if connection.outbox else 0)
            if events and not connection.left:
                poll.register(connection.sock, events)
                by_fd[connection.sock.fileno()] = connection
        if self.listener:
            poll.register(self.listener, select.POLLIN)
        ready = poll.poll(max(0, seconds) * 1000)
        for fd, events in ready:
            connection = by_fd.get(fd)
            if connection is None:
                self._accept()
                continue
            if events & select.POLLOUT:
                connection.write_ready()
            if events & ~select.POLLOUT and not connection.left:
                connection.read_ready()
        return bool(ready)

    def _accept(self):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        self.upstreams.append(Connection(sock, f"upstream {len(self.upstreams) + 1}", self.log))
        self.log(f"upstream {len(self.upstreams)} is connected")

    def settle(self):
        """Takes in everything that has already arrived."""
        while self.pump(0):
            if not any(not c.ended for c in [*self.clients.values(), *self.upstreams]):
                return

    def until(self, attempt, what, seconds=None):
        """Pumps until attempt() gives something; attempt is asked again whenever bytes have moved."""
        deadline = time.monotonic() + (self.patience if seconds is None else seconds)
        while True:
            found = attempt()
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut(f"not in time: {what}")
            self.pump(min(left, 0.6))

    def close(self):
        for connection in [*self.clients.values(), *self.upstreams]:
            connection.sock.close()
