"""What small services of tests are made of: bytes on sockets (`SocketService`), or http.server (`WebService`)."""
import http.server
import socket
import threading

from support.wait import readable


class SocketService:
    """A listener on loopback; `serve(sock)` of a subclass has each connection, in a thread of its own. That the other side
    leaves ends it without a word. A subclass calls super().__init__() last: connections are served from then on."""

    def __init__(self, backlog=512, port=0):
        self.listener = socket.create_server(("127.0.0.1", port), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def serve(self, sock):
        raise NotImplementedError

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock:
            try:
                self.serve(sock)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def heads(sock, patience=lambda: None):
    """The heads of requests without bodies, one after another, as long as the client stays and each comes within the seconds
    that patience() gives."""
    data = b""
    while True:
        seconds = patience()
        while b"\r\n\r\n" not in data:
            if seconds is not None and not readable(sock, seconds):
                return
            piece = sock.recv(65536)
            if not piece:
                return
            data += piece
        head, data = data.split(b"\r\n\r\n", 1)
        yield head


def target(head):
    return head.split(b" ", 2)[1].decode("latin-1")


def respond(sock, status=b"200 OK", body=b"ok", fields=b""):
    sock.sendall(b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, fields, len(body), body))


class Handler(http.server.BaseHTTPRequestHandler):
    """A handler that knows its `service`, keeps connections, writes an answer at once and nothing to the log."""
    service = None
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def respond(self, status, body=b"", fields=()):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(fields)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 2048
    daemon_threads = True

    def handle_error(self, *_):   # that clients leave is what is tested
        pass


class WebService:
    """Requests go to methods do_GET, do_POST … of `handler`, a subclass of Handler. What waits for `go` goes on at close().
    A subclass calls super().__init__() last: requests are answered from then on."""
    handler = Handler

    def __init__(self, port=0):
        self.go = threading.Event()
        self.go.set()
        self.server = _Server(("127.0.0.1", port), type("BoundHandler", (self.handler,), {"service": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()
