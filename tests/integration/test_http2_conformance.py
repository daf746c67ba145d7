"""What RFC 9113 and RFC 7541 ask of a server, section by section: each row is a connection of its own, told by its frames
and by what must come of them."""
import ssl
import unittest

from support import certificates, h2
from support.h2 import H2Client, SettingsFrame, raw_frame
from support.process import free_ports
from support.scenario import Scenario

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
WHOLE = END_HEADERS | END_STREAM
PROTOCOL, FLOW, CLOSED, SIZE, COMPRESSION = (h2.PROTOCOL_ERROR, h2.FLOW_CONTROL_ERROR, h2.STREAM_CLOSED,
                                             h2.FRAME_SIZE_ERROR, h2.COMPRESSION_ERROR)
WINDOW, TOP = SettingsFrame.INITIAL_WINDOW_SIZE, (1 << 31) - 1
PATH = "/api/v1/s0/text"


def word(number):
    return number.to_bytes(4, "big")


def setting(*pairs):
    return raw_frame(SETTINGS, 0, 0, b"".join(n.to_bytes(2, "big") + word(v) for n, v in pairs))


def literal(name, value):
    """A field that changes no table."""
    def text(value):
        value = value.encode()
        assert len(value) < 127
        return bytes([len(value)]) + value
    return b"\x00" + text(name) + text(value)


def block(*extra, method="GET", path=PATH, without=()):
    fields = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)]
    fields = [f for f in fields if f[0] not in without]
    return b"".join(literal(n, v) for n, v in [*fields, *extra])


def head(stream=1, flags=WHOLE, *extra, **options):
    return raw_frame(HEADERS, flags, stream, block(*extra, **options))


def post(stream=1, *extra):
    """A request whose body is still to come."""
    return head(stream, END_HEADERS, *extra, method="POST", path="/api/v1/s0/digest")


def held(stream=1):
    """A request that is not answered, and whose last byte has come."""
    return head(stream, WHOLE, path="/api/v1/s0/hold")


def upload_held(stream=1):
    return head(stream, END_HEADERS, method="POST", path="/api/v1/s0/hold")


def data(stream=1, body=b"test", flags=END_STREAM):
    return raw_frame(DATA, flags, stream, body)


def reset(stream=1, code=h2.CANCEL):
    return raw_frame(RST, 0, stream, word(code))


BEGUN = raw_frame(HEADERS, END_STREAM, 1, block())            # more of the head is to come
ASKED = literal("x-a", "b")


class Answered:
    """The stream gets this status."""

    def __init__(self, status=200, stream=1):
        self.status, self.stream = status, stream

    def hold(self, test, client):
        test.assertEqual(self.status, client.finish(self.stream).status)
        test.assertEqual([], client.goaways)


class Connection:
    """GOAWAY with one of these codes."""

    def __init__(self, *codes):
        self.codes = codes

    def hold(self, test, client):
        test.assertIn(client.wait_closed(5), self.codes)


class Stream:
    """RST_STREAM, or GOAWAY, with one of these codes."""

    def __init__(self, *codes, stream=1):
        self.codes, self.stream = codes, stream

    def hold(self, test, client):
        client.wait(lambda: client.closed or client.answer(self.stream).reset is not None or client.goaways,
                    "the stream's end", 5)
        codes = [client.answer(self.stream).reset, *[code for _, code in client.goaways]]
        test.assertTrue(set(codes) & set(self.codes), codes)


class Lives:
    """The connection answers a PING, and a request."""

    def hold(self, test, client):
        client.ping()
        client.next_id = 101
        test.assertEqual(200, client.get().status)
        test.assertEqual([], client.goaways)


class AfterAnswer:
    """Sends the rest when the first stream has been answered in full."""

    def __init__(self, rest, then):
        self.rest, self.then = rest, then

    def hold(self, test, client):
        test.assertEqual(200, client.finish(1).status)
        client.raw(self.rest)
        self.then.hold(test, client)


ROWS = {
    "2 streams": [
        ("PRIORITY on an idle stream", raw_frame(PRIORITY, 0, 1, word(0) + b"\xff") + head(), Answered()),
        ("WINDOW_UPDATE on a half-closed stream", head() + raw_frame(UPDATE, 0, 1, word(100)), Answered()),
        ("PRIORITY on a half-closed stream", held() + raw_frame(PRIORITY, 0, 1, word(0) + b"\xff"), Lives()),
        ("RST_STREAM on a half-closed stream", held() + reset(), Lives()),
        ("PRIORITY on a closed stream", head(), AfterAnswer(raw_frame(PRIORITY, 0, 1, word(0) + b"\xff"), Lives())),
        ("WINDOW_UPDATE on a closed stream", head(), AfterAnswer(raw_frame(UPDATE, 0, 1, word(1)), Lives())),
        ("RST_STREAM on a closed stream", head(), AfterAnswer(reset(), Lives())),
    ],
    "3 frames": [
        ("DATA", post() + data(), Answered()),
        ("DATA, more than one", post() + data(flags=0) + data(), Answered()),
        ("DATA with padding", post() + data(1, b"\x05test\0\0\0\0\0", PADDED | END_STREAM), Answered()),
        ("DATA of padding alone", post() + data(1, b"\x03\0\0\0", PADDED) + data(), Answered()),
        ("HEADERS with padding", raw_frame(HEADERS, WHOLE | PADDED, 1, b"\x04" + block() + b"\0" * 4), Answered()),
        ("HEADERS with priority", raw_frame(HEADERS, WHOLE | PRIORITIZED, 1, word(0) + b"\xff" + block()), Answered()),
        ("HEADERS with both",
         raw_frame(HEADERS, WHOLE | PRIORITIZED | PADDED, 1, b"\x02" + word(0) + b"\x01" + block() + b"\0\0"), Answered()),
        ("PRIORITY of weight 1", raw_frame(PRIORITY, 0, 1, word(0) + b"\x00") + head(), Answered()),
        ("PRIORITY of weight 256", raw_frame(PRIORITY, 0, 1, word(0) + b"\xff") + head(), Answered()),
        ("PRIORITY that depends on another", raw_frame(PRIORITY, 0, 3, word(1) + b"\x10") + head(), Answered()),
        ("PRIORITY, exclusive", raw_frame(PRIORITY, 0, 3, word(1 | 1 << 31) + b"\x10") + head(), Answered()),
        ("PRIORITY for a later stream, then an earlier one",
         raw_frame(PRIORITY, 0, 9, word(0) + b"\x10") + head(1), Answered()),
        ("RST_STREAM", held() + reset(), Lives()),
        ("SETTINGS", setting((SettingsFrame.MAX_CONCURRENT_STREAMS, 100)), Lives()),
        ("PING", raw_frame(PING, 0, 0, b"h2 conf."), Lives()),
        ("GOAWAY", head() + raw_frame(GOAWAY, 0, 0, word(0) + word(0)), Answered()),
        ("WINDOW_UPDATE of the connection", raw_frame(UPDATE, 0, 0, word(1)) + head(), Answered()),
        ("WINDOW_UPDATE of a stream", held() + raw_frame(UPDATE, 0, 1, word(1)), Lives()),
        ("CONTINUATION", BEGUN + raw_frame(CONTINUATION, END_HEADERS, 1, ASKED), Answered()),
        ("CONTINUATION, more than one", BEGUN + raw_frame(CONTINUATION, 0, 1, ASKED)
         + raw_frame(CONTINUATION, END_HEADERS, 1, ASKED), Answered()),
    ],
    "3.4 preface": [
        ("SETTINGS that acknowledge first", b"", Lives()),
    ],
    "4.1 frame format": [
        ("a type that nobody knows", raw_frame(0xEE, 0, 0, b"\0" * 8), Lives()),
        ("a type that nobody knows, on a stream", held() + raw_frame(0xEE, 0xFF, 1, b"\0" * 8), Lives()),
        ("flags that nobody knows", raw_frame(PING, 0xFE, 0, b"12345678"), Lives()),
        ("the reserved bit", raw_frame(PING, 0, 1 << 31, b"12345678"), Lives()),
    ],
    "4.2 frame size": [
        ("DATA of 2^14 bytes", post() + data(1, b"x" * 16384), Answered()),
        ("DATA of more", upload_held() + data(1, b"x" * 16385), Stream(SIZE)),
        ("HEADERS of more", raw_frame(HEADERS, WHOLE, 1, block() + b"\x00\x01a\x01b" * 4000), Connection(SIZE)),
    ],
    "4.3 field blocks": [
        ("that cannot be decoded", raw_frame(HEADERS, WHOLE, 1, b"\x88\xff\xff\xff\xff\xff\xff"), Connection(COMPRESSION)),
        ("PRIORITY between", BEGUN + raw_frame(PRIORITY, 0, 1, word(0) + b"\xff"), Connection(PROTOCOL)),
        ("HEADERS of another stream between", BEGUN + head(3), Connection(PROTOCOL)),
    ],
    "5.1 idle": [
        ("DATA", data(), Connection(PROTOCOL)),
        ("RST_STREAM", reset(), Connection(PROTOCOL)),
        ("WINDOW_UPDATE", raw_frame(UPDATE, 0, 1, word(100)), Connection(PROTOCOL)),
        ("CONTINUATION", raw_frame(CONTINUATION, END_HEADERS, 1, block()), Connection(PROTOCOL)),
    ],
    "5.1 half-closed": [
        ("DATA", held() + data(), Stream(CLOSED)),
        ("HEADERS", held() + head(1), Stream(CLOSED)),
        ("CONTINUATION", held() + raw_frame(CONTINUATION, END_HEADERS, 1, block()), Connection(PROTOCOL, CLOSED)),
    ],
    "5.1 closed": [
        ("DATA behind RST_STREAM", upload_held() + reset() + data(), Stream(CLOSED)),
        ("HEADERS behind RST_STREAM", upload_held() + reset() + head(1), Stream(CLOSED)),
        ("CONTINUATION behind RST_STREAM", upload_held() + reset() + raw_frame(CONTINUATION, END_HEADERS, 1, block()),
         Connection(PROTOCOL, CLOSED)),
        ("DATA behind both ends", head(), AfterAnswer(data(), Connection(CLOSED))),
        ("HEADERS behind both ends", head(), AfterAnswer(head(1), Connection(CLOSED))),
        ("CONTINUATION behind both ends", head(),
         AfterAnswer(raw_frame(CONTINUATION, END_HEADERS, 1, block()), Connection(PROTOCOL, CLOSED))),
    ],
    "5.1.1 numbers": [
        ("an even one", head(2), Connection(PROTOCOL)),
        ("one smaller than the last", held(5) + head(3), Connection(PROTOCOL)),
        ("DATA on one that was skipped", held(5) + data(3), Connection(CLOSED, PROTOCOL)),
    ],
    "5.1.2 how many": [
        ("one too many", b"".join(held(2 * i + 1) for i in range(101)), Stream(h2.REFUSED_STREAM, stream=201)),
    ],
    "5.3 dependencies": [
        ("HEADERS that depend on themselves",
         raw_frame(HEADERS, WHOLE | PRIORITIZED, 1, word(1) + b"\xff" + block()), Stream(PROTOCOL)),
        ("PRIORITY that depends on itself", raw_frame(PRIORITY, 0, 1, word(1) + b"\xff"), Stream(PROTOCOL)),
    ],
    "5.4 errors": [
        ("a broken PING ends the connection", raw_frame(PING, 0, 0, b"123456"), Connection(SIZE)),
    ],
    "5.5 extensions": [
        ("a frame of an extension", raw_frame(0x0B, 0xFF, 0, b"x" * 100) + head(), Answered()),
        ("a frame of an extension within a head", BEGUN + raw_frame(0x0B, 0, 0, b"x"), Connection(PROTOCOL)),
        ("a setting of an extension", setting((0x1234, 7)) + head(), Answered()),
    ],
    "6.1 DATA": [
        ("on stream 0", data(0), Connection(PROTOCOL)),
        ("on a stream that is not open", held() + data(), Stream(CLOSED)),
        ("padding longer than it", upload_held() + data(1, b"\x05test", PADDED), Connection(PROTOCOL)),
        ("padding as long as it", upload_held() + data(1, b"\x01", PADDED), Connection(PROTOCOL)),
        ("without room for the padding's length", upload_held() + data(1, b"", PADDED), Connection(PROTOCOL, SIZE)),
    ],
    "6.2 HEADERS": [
        ("PRIORITY before END_HEADERS", BEGUN + raw_frame(PRIORITY, 0, 1, word(0) + b"\xff"), Connection(PROTOCOL)),
        ("another stream's before END_HEADERS", BEGUN + head(3), Connection(PROTOCOL)),
        ("on stream 0", head(0), Connection(PROTOCOL)),
        ("padding longer than it", raw_frame(HEADERS, WHOLE | PADDED, 1, b"\xfe" + block()[:20]), Connection(PROTOCOL)),
        ("without room for its priority", raw_frame(HEADERS, WHOLE | PRIORITIZED, 1, b"\0\0"), Connection(SIZE, PROTOCOL)),
    ],
    "6.3 PRIORITY": [
        ("on stream 0", raw_frame(PRIORITY, 0, 0, word(0) + b"\xff"), Connection(PROTOCOL)),
        ("of four bytes", held() + raw_frame(PRIORITY, 0, 1, word(0)), Stream(SIZE)),
    ],
    "6.4 RST_STREAM": [
        ("on stream 0", reset(0), Connection(PROTOCOL)),
        ("on an idle stream", reset(1), Connection(PROTOCOL)),
        ("of three bytes", held() + raw_frame(RST, 0, 1, b"123"), Connection(SIZE)),
    ],
    "6.5 SETTINGS": [
        ("ACK with a payload", raw_frame(SETTINGS, ACK, 0, b"\0\0\0\0\0\0"), Connection(SIZE)),
        ("on a stream", raw_frame(SETTINGS, 0, 1), Connection(PROTOCOL)),
        ("of three bytes", raw_frame(SETTINGS, 0, 0, b"123"), Connection(SIZE)),
        ("ENABLE_PUSH of 2", setting((SettingsFrame.ENABLE_PUSH, 2)), Connection(PROTOCOL)),
        ("INITIAL_WINDOW_SIZE of 2^31", setting((WINDOW, 1 << 31)), Connection(FLOW)),
        ("MAX_FRAME_SIZE of 2^14 - 1", setting((SettingsFrame.MAX_FRAME_SIZE, 16383)), Connection(PROTOCOL)),
        ("MAX_FRAME_SIZE of 2^24", setting((SettingsFrame.MAX_FRAME_SIZE, 1 << 24)), Connection(PROTOCOL)),
        ("one that nobody knows", setting((0xFF, 1)), Lives()),
    ],
    "6.7 PING": [
        ("with ACK", raw_frame(PING, ACK, 0, b"invalid!"), Lives()),
        ("on a stream", raw_frame(PING, 0, 1, b"12345678"), Connection(PROTOCOL)),
        ("of six bytes", raw_frame(PING, 0, 0, b"123456"), Connection(SIZE)),
    ],
    "6.8 GOAWAY": [
        ("on a stream", raw_frame(GOAWAY, 0, 1, word(0) + word(0)), Connection(PROTOCOL)),
        ("of four bytes", raw_frame(GOAWAY, 0, 0, word(0)), Connection(SIZE)),
    ],
    "6.9 WINDOW_UPDATE": [
        ("of 0 on the connection", raw_frame(UPDATE, 0, 0, word(0)), Connection(PROTOCOL)),
        ("of 0 on a stream", held() + raw_frame(UPDATE, 0, 1, word(0)), Stream(PROTOCOL)),
        ("of three bytes", raw_frame(UPDATE, 0, 0, b"123"), Connection(SIZE)),
        ("past 2^31 - 1 on the connection", raw_frame(UPDATE, 0, 0, word(TOP)) * 2, Connection(FLOW)),
        ("past 2^31 - 1 on a stream", held() + raw_frame(UPDATE, 0, 1, word(TOP)) * 2, Stream(FLOW)),
        ("a setting takes a stream past 2^31 - 1",
         held() + raw_frame(UPDATE, 0, 1, word(TOP - 65535)) + setting((WINDOW, 65536)), Stream(FLOW)),
    ],
    "6.10 CONTINUATION": [
        ("two of them", BEGUN + raw_frame(CONTINUATION, 0, 1, ASKED) + raw_frame(CONTINUATION, END_HEADERS, 1, ASKED),
         Answered()),
        ("then DATA", BEGUN + raw_frame(CONTINUATION, 0, 1, ASKED) + data(), Connection(PROTOCOL)),
        ("on stream 0", BEGUN + raw_frame(CONTINUATION, END_HEADERS, 0, ASKED), Connection(PROTOCOL)),
        ("on another stream", BEGUN + raw_frame(CONTINUATION, END_HEADERS, 3, ASKED), Connection(PROTOCOL)),
        ("behind HEADERS that have ended", held() + raw_frame(CONTINUATION, END_HEADERS, 1, ASKED), Connection(PROTOCOL)),
        ("behind one that has ended", BEGUN + raw_frame(CONTINUATION, END_HEADERS, 1, ASKED)
         + raw_frame(CONTINUATION, END_HEADERS, 1, ASKED), Connection(PROTOCOL)),
        ("behind DATA", upload_held() + data(flags=0) + raw_frame(CONTINUATION, END_HEADERS, 1, ASKED),
         Connection(PROTOCOL)),
    ],
    "7 codes": [
        ("GOAWAY with one that nobody knows", head() + raw_frame(GOAWAY, 0, 0, word(0) + word(0xFF)), Answered()),
        ("RST_STREAM with one that nobody knows", held() + reset(1, 0xFF), Lives()),
    ],
    "8.1 messages": [
        ("GET", head(), Answered()),
        ("HEAD", head(1, WHOLE, method="HEAD"), Answered()),
        ("POST with trailers",
         post() + data(flags=0) + raw_frame(HEADERS, WHOLE, 1, literal("x-sum", "1")), Answered()),
        ("a second HEADERS without END_STREAM", post() + raw_frame(HEADERS, END_HEADERS, 1, literal("x-sum", "1"))
         + data(), Stream(PROTOCOL)),
        ("trailers without a body", post() + raw_frame(HEADERS, WHOLE, 1, literal("x-sum", "1")), Answered()),
    ],
    "8.2 fields": [
        ("a name in upper case", head(1, WHOLE, ("X-TEST", "ok")), Stream(PROTOCOL)),
        ("connection", head(1, WHOLE, ("connection", "keep-alive")), Stream(PROTOCOL)),
        ("proxy-connection", head(1, WHOLE, ("proxy-connection", "keep-alive")), Stream(PROTOCOL)),
        ("keep-alive", head(1, WHOLE, ("keep-alive", "timeout=1")), Stream(PROTOCOL)),
        ("transfer-encoding", head(1, WHOLE, ("transfer-encoding", "chunked")), Stream(PROTOCOL)),
        ("upgrade", head(1, WHOLE, ("upgrade", "websocket")), Stream(PROTOCOL)),
        ("te other than trailers", head(1, WHOLE, ("te", "trailers, deflate;q=0.5")), Stream(PROTOCOL)),
        ("te: trailers", head(1, WHOLE, ("te", "trailers")), Answered()),
    ],
    "8.3 pseudo-headers": [
        ("unknown", head(1, WHOLE, (":test", "ok")), Stream(PROTOCOL)),
        ("of responses", raw_frame(HEADERS, WHOLE, 1, literal(":status", "200") + block()), Stream(PROTOCOL)),
        ("in trailers", post() + data(flags=0) + raw_frame(HEADERS, WHOLE, 1, literal(":method", "GET")), Stream(PROTOCOL)),
        ("behind others", raw_frame(HEADERS, WHOLE, 1, literal("x-a", "b") + block()), Stream(PROTOCOL)),
        ("an empty :path", head(1, WHOLE, path=""), Stream(PROTOCOL)),
        ("without :method", head(1, WHOLE, without=[":method"]), Stream(PROTOCOL)),
        ("without :scheme", head(1, WHOLE, without=[":scheme"]), Stream(PROTOCOL)),
        ("without :path", head(1, WHOLE, without=[":path"]), Stream(PROTOCOL)),
        ("two :method", head(1, WHOLE, (":method", "GET")), Stream(PROTOCOL)),
        ("two :scheme", head(1, WHOLE, (":scheme", "http")), Stream(PROTOCOL)),
        ("two :path", head(1, WHOLE, (":path", PATH)), Stream(PROTOCOL)),
        ("two :authority", head(1, WHOLE, (":authority", "a")), Stream(PROTOCOL)),
        ("a :path of * for OPTIONS", head(1, WHOLE, method="OPTIONS", path="*"), Answered(204)),
        ("a :path of * for GET", head(1, WHOLE, path="*"), Stream(PROTOCOL)),
    ],
    "8.1.1 malformed": [
        ("content-length and one DATA", post(1, ("content-length", "1")) + data(), Stream(PROTOCOL)),
        ("content-length and several DATA", post(1, ("content-length", "1")) + data(flags=0) + data(), Stream(PROTOCOL)),
        ("content-length and less DATA", post(1, ("content-length", "9")) + data(), Stream(PROTOCOL)),
        ("content-length and none", head(1, WHOLE, ("content-length", "4"), method="POST"), Stream(PROTOCOL)),
        ("content-length, twice and different",
         post(1, ("content-length", "4"), ("content-length", "5")) + data(), Stream(PROTOCOL)),
    ],
    "8.4 push": [
        ("PUSH_PROMISE of a client", held() + raw_frame(PUSH, END_HEADERS, 1, word(2) + block()), Connection(PROTOCOL)),
    ],
    "8.5 CONNECT": [
        ("of an authority", head(1, END_HEADERS, method="CONNECT", without=[":scheme", ":path"]), Answered(405)),
        ("with :path", head(1, END_HEADERS, method="CONNECT", without=[":scheme"]), Stream(PROTOCOL)),
        ("with :scheme", head(1, END_HEADERS, method="CONNECT", without=[":path"]), Stream(PROTOCOL)),
        ("without :authority", head(1, END_HEADERS, method="CONNECT", without=[":scheme", ":path", ":authority"]),
         Stream(PROTOCOL)),
        ("with a :protocol that was not offered",
         raw_frame(HEADERS, END_HEADERS, 1, literal(":protocol", "websocket") + block(method="CONNECT")), Stream(PROTOCOL)),
        ("CONNECT_PROTOCOL as a client's setting", setting((8, 1)) + head(), Answered()),
        ("CONNECT_PROTOCOL of 2", setting((8, 2)), Connection(PROTOCOL)),
    ],
    "HPACK 2.3.3 addresses": [
        ("an index beyond the tables", raw_frame(HEADERS, WHOLE, 1, block() + b"\xc6"), Connection(COMPRESSION)),
        ("a name's index beyond the tables", raw_frame(HEADERS, WHOLE, 1, block() + b"\x7f\x07\x01v"),
         Connection(COMPRESSION)),
    ],
    "HPACK 4.2 sizes": [
        ("an update behind fields", raw_frame(HEADERS, WHOLE, 1, block() + b"\x21"), Connection(COMPRESSION)),
    ],
    "HPACK 5.2 strings": [
        ("Huffman padding of more than 7 bits", raw_frame(HEADERS, WHOLE, 1, block() + b"\x00\x85\xf2\xb2\x4a\x84\xff"
                                                          b"\x84\x49\x50\x9f\xff"), Connection(COMPRESSION)),
        ("Huffman padding of zeros", raw_frame(HEADERS, WHOLE, 1, block() + b"\x00\x84\xf2\xb2\x4a\x84"
                                               b"\x83\x49\x50\x90"), Connection(COMPRESSION)),
        ("Huffman with EOS", raw_frame(HEADERS, WHOLE, 1, block() + b"\x00\x85\xf2\xb2\x4a\x87\xff"
                                       b"\xff\xff\xff\xfd\x25\x42\x7f"), Connection(COMPRESSION)),
    ],
    "HPACK 6 fields": [
        ("indexed", raw_frame(HEADERS, WHOLE, 1, b"\x82\x86" + literal(":path", PATH) + literal(":authority", "a")),
         Answered()),
        ("index 0", raw_frame(HEADERS, WHOLE, 1, block() + b"\x80"), Connection(COMPRESSION)),
        ("into the table, and from there", raw_frame(HEADERS, WHOLE, 1, block() + b"\x40\x03x-a\x01b\xbe"), Answered()),
        ("into the table, by a name's index", raw_frame(HEADERS, WHOLE, 1, block() + b"\x7a\x01b"), Answered()),
        ("without the table, by a name's index", raw_frame(HEADERS, WHOLE, 1, block() + b"\x0f\x2b\x01b"), Answered()),
        ("never indexed", raw_frame(HEADERS, WHOLE, 1, block() + b"\x10\x03x-a\x01b"), Answered()),
        ("never indexed, by a name's index", raw_frame(HEADERS, WHOLE, 1, block() + b"\x1f\x2b\x01b"), Answered()),
        ("Huffman", raw_frame(HEADERS, WHOLE, 1, block() + b"\x40\x03x-a\x86\xa8\xeb\x10\x64\x9c\xbf"), Answered()),
        ("a table of no size", raw_frame(HEADERS, WHOLE, 1, b"\x20" + block()), Answered()),
        ("two sizes in a row", raw_frame(HEADERS, WHOLE, 1, b"\x20\x3f\xe1\x1f" + block()), Answered()),
        ("a size beyond SETTINGS_HEADER_TABLE_SIZE", raw_frame(HEADERS, WHOLE, 1, b"\x3f\xe2\x1f" + block()),
         Connection(COMPRESSION)),
    ],
}


class Conformance(Scenario):
    def setUp(self):
        super().setUp()
        self.cert, key = certificates.make(self.folder, "own", ["a.test"])
        self.tls_port = free_ports(1)[0]
        self.gateway = self.start(environment={"TLS_PORT": str(self.tls_port), "TLS_CERT_FILE": str(self.cert),
                                               "TLS_KEY_FILE": str(key)})
        self.other = H2Client(self.gateway.port)
        self.addCleanup(self.other.close)

    def test_each_row(self):
        self.play(self.gateway.port)

    def test_each_row_over_tls(self):
        """Where frames come in other pieces, and the connection has another end."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.cert)
        context.set_alpn_protocols(["h2"])
        self.play(self.tls_port, tls=context)

    def play(self, port, **options):
        for section, rows in ROWS.items():
            for title, frames, expected in rows:
                with self.subTest(f"{section}: {title}"), H2Client(port, **options) as client:
                    client.wait(lambda: client.settings, "the gateway's SETTINGS")
                    client.raw(frames)
                    expected.hold(self, client)
            self.origin.release()
        self.assertEqual(200, self.other.get().status)

    def test_a_window_of_one_byte_then_more(self):
        """6.9.1, 6.9.2: no more than the window allows; a change counts for streams that are open."""
        for first, later, update in ((1, 5, 0), (3, 2, 2)):
            with H2Client(self.gateway.port, windows=False, settings={WINDOW: first}) as client:
                stream = client.request(path="/api/v1/s0/text")
                client.wait(lambda: len(client.answer(stream).body) == first, "what the window allows")
                client.send(SettingsFrame(0, settings={WINDOW: later}))
                client.ping()
                self.assertEqual(max(first, later), len(client.answer(stream).body))
                if update:
                    client.raw(raw_frame(UPDATE, 0, stream, word(update)))   # from -1 to 1
                    client.wait(lambda: len(client.answer(stream).body) == first + 1, "one more")

    def test_of_several_values_in_one_settings_the_last_counts(self):
        with H2Client(self.gateway.port, windows=False) as client:
            client.raw(setting((WINDOW, 100), (WINDOW, 1)))
            stream = client.request(path="/api/v1/s0/text")
            client.wait(lambda: len(client.answer(stream).body) == 1, "one byte")
            client.ping()
            self.assertEqual(1, len(client.answer(stream).body))

    def test_what_was_on_its_way_when_a_stream_was_reset_is_passed_over(self):
        """5.1: a client may not have heard of our reset."""
        client = H2Client(self.gateway.port)
        self.addCleanup(client.close)
        client.raw(head(1, END_HEADERS, ("connection", "x"), method="POST", path="/api/v1/s0/digest"))
        self.assertEqual(h2.PROTOCOL_ERROR, client.finish(1).reset)
        client.raw(data(1, b"x" * 100, 0) + raw_frame(HEADERS, WHOLE, 1, literal("x-sum", "1")))
        Lives().hold(self, client)


if __name__ == "__main__":
    unittest.main()
