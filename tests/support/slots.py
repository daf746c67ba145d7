"""Each case has a slot: a route of its own on the gateway, and a listener of its own behind it."""
import socket


class Slot:
    """kind: what stands at the service's address: a scripted origin, or one of the ways in which there is none."""

    def __init__(self, index, kind="origin", route_options=None, service_options=None, port=0):
        self.name = f"t{index:04}"
        self.prefix = f"/api/v1/{self.name}"
        self.route_options = route_options or {}
        self.service_options = service_options or {}
        self.listener = None
        self._held = []
        self.url = getattr(self, "_" + kind)(port)

    def _bound(self, port):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        return sock, f"http://127.0.0.1:{sock.getsockname()[1]}"

    def _origin(self, port):
        self.listener, url = self._bound(port)
        self.listener.listen(64)
        self.listener.setblocking(False)
        return url

    def _refused(self, port):
        """The port is taken and nobody listens: connecting is refused, and nobody else can get it."""
        sock, url = self._bound(port)
        self._held.append(sock)
        return url

    def _blackhole(self, port):
        """A listener whose queue is full: further connection attempts get no answer at all."""
        sock, url = self._bound(port)
        sock.listen(0)
        self._held.append(sock)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
            self._held.append(filler)
        return url

    def _unresolvable(self, _port):
        return "http://no-such-service.invalid:80"

    def close(self):
        for sock in [self.listener, *self._held]:
            if sock:
                sock.close()
