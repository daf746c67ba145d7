"""A client that speaks HTTP/2 frame by frame, well or badly: nothing is sent that a test did not ask for, but the
preface, answers to SETTINGS and PING, and windows (unless told otherwise)."""
import socket
import ssl
import sys
import time

# Where Debian puts them, for a python that came from elsewhere.
sys.path.append("/usr/lib/python3/dist-packages")

from hpack import Decoder, Encoder  # noqa: E402
from hyperframe.frame import (  # noqa: E402
    ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame,
    WindowUpdateFrame)

from support.process import ask  # noqa: E402

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CALM = 5, 6, 7, 8, 9, 11


class Answer:
    """What came on one stream."""

    def __init__(self):
        self.heads = []        # lists of (name, value); 1xx first, trailers last
        self.body = bytearray()
        self.ended = False
        self.reset = None      # the code of RST_STREAM

    @property
    def over(self):
        return self.ended or self.reset is not None

    @property
    def status(self):
        final = [dict(h)[":status"] for h in self.heads if ":status" in dict(h)]
        return int(final[-1]) if final else None

    @property
    def fields(self):
        return dict([h for h in self.heads if dict(h).get(":status", "1")[0] != "1"][0])

    @property
    def trailers(self):
        return self.heads[-1] if ":status" not in dict(self.heads[-1]) else []


class H2Client:
    def __init__(self, port, seconds=10, settings=None, preface=PREFACE, windows=True, receive_buffer=None, tls=None,
                 name="a.test", frame_by_frame=False):
        """tls: an ssl.SSLContext; the connection is then made with it, for that name. frame_by_frame: what a frame
        asks for is sent before the next one is read from the socket."""
        self.frame_by_frame = frame_by_frame
        self.receive_buffer = receive_buffer
        self.sock = self._connect(port)
        self.sock.settimeout(seconds)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            try:
                self.sock = tls.wrap_socket(self.sock, server_hostname=name)
            except OSError:
                self.sock.close()
                raise
        self.scheme = "https" if tls else "http"
        self.port = port
        self.seconds = seconds
        self.encoder, self.decoder = Encoder(), Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.windows = windows
        self.data = b""
        self.frames = []
        self.streams = {}
        self.goaways = []        # (last stream, code)
        self.pongs = []
        self.settings = {}
        self.window_updates = []
        self.closed = False
        self.next_id = 1
        self._block = None
        self._sent = {}
        self.raw(preface)
        if preface == PREFACE:
            self.send(SettingsFrame(0, settings=settings or {}))

    def _connect(self, port):
        sock = socket.socket()
        if self.receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        sock.connect(("127.0.0.1", port))
        return sock

    # ---- sending

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.closed = True

    def send(self, *frames):
        self.raw(b"".join(f.serialize() for f in frames))

    def frame(self, kind, flags, stream, payload=b""):
        """Any frame, also what no library would make."""
        self.raw(raw_frame(kind, flags, stream, payload))

    def head(self, path="/api/v1/s0/text", method="GET", authority=None, extra=()):
        return [(":method", method), (":scheme", self.scheme), (":authority", authority or f"127.0.0.1:{self.port}"),
                (":path", path), *extra]

    def header_frames(self, stream, fields, end=True):
        block = self.encoder.encode(fields)
        frames = [HeadersFrame(stream, block[:16384])]
        frames += [ContinuationFrame(stream, block[at:at + 16384]) for at in range(16384, len(block), 16384)]
        frames[-1].flags.add("END_HEADERS")
        if end:
            frames[0].flags.add("END_STREAM")
        return frames

    def request(self, fields=None, end=True, body=None, trailers=None, **head):
        """Sends a request; its stream."""
        stream, self.next_id = self.next_id, self.next_id + 2
        fields = self.head(**head) if fields is None else fields
        frames = self.header_frames(stream, fields, end and body is None and trailers is None)
        if body is not None:
            pieces = [body[at:at + 16384] for at in range(0, len(body), 16384)] or [b""]
            frames += [self.data_frame(stream, piece) for piece in pieces]
            if end and trailers is None:
                frames[-1].flags.add("END_STREAM")
        if trailers is not None:
            frames += self.header_frames(stream, trailers)
        self.send(*frames)
        return stream

    @staticmethod
    def data_frame(stream, body=b"", end=False):
        frame = DataFrame(stream, body)
        if end:
            frame.flags.add("END_STREAM")
        return frame

    def upload(self, stream, body, end=True):
        """As much at a time as the windows allow; the windows must be granted by reading."""
        for at in range(0, len(body), 16384):
            piece = body[at:at + 16384]
            self.wait(lambda: self.allowed(stream) >= len(piece), "the window opens")
            self.count(stream, len(piece))
            self.send(self.data_frame(stream, piece, end and at + len(piece) == len(body)))

    def count(self, stream, size):
        for one in (0, stream):
            self._sent[one] = self._sent.get(one, 0) + size

    def allowed(self, stream):
        granted = lambda s: sum(n for i, n in self.window_updates if i == s)   # noqa: E731
        initial = self.settings.get(SettingsFrame.INITIAL_WINDOW_SIZE, 65535)
        return min(65535 + granted(0) - self._sent.get(0, 0), initial + granted(stream) - self._sent.get(stream, 0))

    def reset(self, stream, code=CANCEL):
        self.send(RstStreamFrame(stream, code))

    # ---- receiving

    def answer(self, stream):
        return self.streams.setdefault(stream, Answer())

    def get(self, path="/api/v1/s0/text", **head):
        return self.finish(self.request(path=path, **head))

    def finish(self, stream):
        """The whole answer to a stream, or its reset."""
        self.wait(lambda: self.answer(stream).over, f"an answer on stream {stream}")
        return self.answer(stream)

    def wait(self, condition, what, seconds=None):
        deadline = time.monotonic() + (seconds or self.seconds)
        while not condition():
            if self.closed:
                raise ConnectionError(f"the connection ended before {what}; {self.goaways}")
            self.sock.settimeout(max(0.001, deadline - time.monotonic()))
            if not self._read_once():
                raise AssertionError(f"not in time: {what}")

    def wait_closed(self, seconds=None):
        """Until the other side closes; the code of its last GOAWAY, or None."""
        deadline = time.monotonic() + (seconds or self.seconds)
        while not self.closed:
            self.sock.settimeout(max(0.001, deadline - time.monotonic()))
            if not self._read_once():
                raise AssertionError("the connection was not closed in time")
        return self.goaways[-1][1] if self.goaways else None

    def settle(self, seconds=0.2):
        """Reads what comes within this time."""
        deadline = time.monotonic() + seconds
        while not self.closed and (left := deadline - time.monotonic()) > 0:
            self.sock.settimeout(left)
            self._read_once()

    def ping(self, payload=b"12345678"):
        """A round trip: everything sent before has been looked at."""
        count = len(self.pongs)
        self.send(PingFrame(0, payload))
        self.wait(lambda: len(self.pongs) > count, "an answer to PING")

    def _read_once(self):
        try:
            piece = self.sock.recv(self._rest_of_frame() if self.frame_by_frame else 262144)
        except TimeoutError:
            return False
        except (ConnectionResetError, ssl.SSLError):
            piece = b""
        if not piece:
            self.closed = True
            return True
        self.data += piece
        while len(self.data) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self.data[:9]))
            if len(self.data) < 9 + length:
                break
            frame.parse_body(memoryview(self.data[9:9 + length]))
            self.data = self.data[9 + length:]
            self._take(frame)
        return True

    def _rest_of_frame(self):
        return (9 if len(self.data) < 9 else 9 + int.from_bytes(self.data[:3], "big")) - len(self.data)

    def _take(self, frame):
        self.frames.append(frame)
        stream = frame.stream_id
        if isinstance(frame, (HeadersFrame, ContinuationFrame)):
            self._block = (self._block or b"") + frame.data
            if isinstance(frame, HeadersFrame):
                self._ends = "END_STREAM" in frame.flags
            if "END_HEADERS" in frame.flags:
                self.answer(stream).heads.append(self.decoder.decode(self._block))
                self.answer(stream).ended |= self._ends
                self._block = None
        elif isinstance(frame, DataFrame):
            answer = self.answer(stream)
            answer.body += frame.data
            answer.ended |= "END_STREAM" in frame.flags
            if self.windows and frame.flow_controlled_length:
                updates = [WindowUpdateFrame(0, frame.flow_controlled_length)]
                if not answer.ended:
                    updates.append(WindowUpdateFrame(stream, frame.flow_controlled_length))
                self.send(*updates)
        elif isinstance(frame, RstStreamFrame):
            self.answer(stream).reset = frame.error_code
        elif isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self.settings |= frame.settings
            ack = SettingsFrame(0)
            ack.flags.add("ACK")
            self.send(ack)
        elif isinstance(frame, PingFrame):
            if "ACK" in frame.flags:
                self.pongs.append(frame.opaque_data)
            else:
                pong = PingFrame(0, frame.opaque_data)
                pong.flags.add("ACK")
                self.send(pong)
        elif isinstance(frame, GoAwayFrame):
            self.goaways.append((frame.last_stream_id, frame.error_code))
        elif isinstance(frame, WindowUpdateFrame):
            self.window_updates.append((stream, frame.window_increment))

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def metric(gateway, name, **labels):
    """The value of a series that has these labels, among others."""
    for line in ask(gateway.admin_port, "/metrics")[2].splitlines():
        if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return 0


def raw_frame(kind, flags, stream, payload=b""):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload)
