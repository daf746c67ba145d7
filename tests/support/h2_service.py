"""A service that speaks HTTP/2 frame by frame, well or badly: the other end of h2.H2Client."""
import socket

from support.h2 import PREFACE, H2Client, SettingsFrame


class Peer(H2Client):
    """A connection that the gateway has made. `heads` of a stream are the request's."""

    def __init__(self, sock, settings, windows):
        self.preset = sock
        super().__init__(None, settings=settings, preface=b"", windows=windows)
        preface = b""
        while len(preface) < len(PREFACE):
            preface += sock.recv(len(PREFACE) - len(preface))
        assert preface == PREFACE, preface
        self.send(SettingsFrame(0, settings=settings or {}))

    def _connect(self, _port):
        return self.preset

    def request_on(self, number=0):
        """The id of the request that came as that one, once its head is there."""
        self.wait(lambda: len(self.begun()) > number, "a request")
        return self.begun()[number]

    def begun(self):
        return sorted(stream for stream, answer in self.streams.items() if answer.heads)

    def respond(self, stream, status=200, fields=(), body=b"", end=True):
        frames = self.header_frames(stream, [(":status", str(status)), *fields], end and not body)
        if body:
            frames.append(self.data_frame(stream, body, end))
        self.send(*frames)


class H2Service:
    def __init__(self, settings=None, windows=True):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.settimeout(10)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.settings, self.windows = settings, windows
        self.peers = []

    def next(self):
        sock, _ = self.listener.accept()
        peer = Peer(sock, self.settings, self.windows)
        self.peers.append(peer)
        return peer

    def close(self):
        self.listener.close()
        for peer in self.peers:
            peer.close()
