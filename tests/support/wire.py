"""A strict reader of HTTP/1.1 messages, for tests.

It accepts one spelling of every message and nothing else: a bare LF, a second length, a body where none may be, a
chunk extension are all errors. What stands behind a message stays in the buffer, where the caller finds it.
"""
import re

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\Z")
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*\Z")
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.1\Z")
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}\Z")


class Incomplete(Exception):
    """More bytes are needed."""


class BadMessage(Exception):
    """The bytes are not a message that a strict reader takes."""


class Message:
    """A request or response: start line, fields in order, decoded body, trailers."""

    def __init__(self, start):
        self.start = start
        self.fields = []
        self.body = b""
        self.trailers = []
        self.until_close = False
        self.cut = False

    @property
    def status(self):
        return int(self.start.split(b" ")[1])

    def values(self, name):
        wanted = name.lower().encode()
        return [v.decode("latin-1") for n, v in self.fields if n.lower() == wanted]

    def value(self, name):
        found = self.values(name)
        return found[0] if len(found) == 1 else None

    def has(self, name):
        return bool(self.values(name))

    def __str__(self):
        return f'`{self.start.decode("latin-1")}` with body "{printable(self.body)}"'


def printable(data, limit=300):
    """Bytes as the case files write them, cut to a length that fits a report."""
    text = "".join(chr(b) if 32 <= b < 127 and b != 92 else _ESCAPES.get(b, f"\\x{b:02x}")
                   for b in data[:limit])
    return text + (f"… ({len(data)} bytes)" if len(data) > limit else "")


_ESCAPES = {13: "\\r", 10: "\\n", 9: "\\t", 92: "\\\\"}


def _line(data, at):
    """One line that ends with CRLF: its bytes and where the next begins."""
    end = data.find(b"\n", at)
    if end < 0:
        if data.find(b"\r", at, len(data) - 1) >= 0:
            raise BadMessage("a bare CR")
        raise Incomplete
    line = bytes(data[at:end])
    if not line.endswith(b"\r"):
        raise BadMessage("a bare LF after " + printable(line))
    line = line[:-1]
    if b"\r" in line:
        raise BadMessage("a bare CR in " + printable(line))
    return line, end + 1


def _fields(data, at):
    """Field lines up to and with the empty line."""
    fields = []
    while True:
        line, at = _line(data, at)
        if not line:
            return fields, at
        match = _FIELD.match(line)
        if not match:
            raise BadMessage("not a field line: " + printable(line))
        fields.append((match.group(1), match.group(2)))


def read_head(data, pattern):
    """The head at the start of `data`: a Message without its body, and the head's length."""
    start, at = _line(data, 0)
    if not pattern.match(start):
        raise BadMessage("not a start line: " + printable(start))
    message = Message(start)
    message.fields, at = _fields(data, at)
    return message, at


def _chunked(data, at, message):
    body = []
    while True:
        line, at = _line(data, at)
        if not _CHUNK_SIZE.match(line):
            raise BadMessage("not a chunk size: " + printable(line))
        size = int(line, 16)
        if size == 0:
            break
        # Kept although the rest is missing, so that a message that is cut short shows what came.
        message.body = b"".join(body) + bytes(data[at:at + size])
        if len(data) < at + size + 2:
            raise Incomplete
        if data[at + size:at + size + 2] != b"\r\n":
            raise BadMessage("no CRLF behind the data of a chunk")
        body.append(bytes(data[at:at + size]))
        at += size + 2
    message.body = b"".join(body)
    message.trailers, at = _fields(data, at)
    return at


def _length(message):
    lengths = message.values("Content-Length")
    codings = message.values("Transfer-Encoding")
    if lengths and codings:
        raise BadMessage("Content-Length beside Transfer-Encoding")
    if len(lengths) > 1 or len(codings) > 1:
        raise BadMessage("a framing field twice")
    if codings and codings[0].lower() != "chunked":
        raise BadMessage("Transfer-Encoding: " + codings[0])
    if lengths and not re.fullmatch("[0-9]+", lengths[0]):
        raise BadMessage("Content-Length: " + lengths[0])
    return (int(lengths[0]) if lengths else None), bool(codings)


def _body(data, at, message, length, chunked, ended):
    if chunked:
        return _chunked(data, at, message)
    if length is None:
        message.until_close = True
        message.body = bytes(data[at:])
        if not ended:
            raise Incomplete
        return len(data)
    message.body = bytes(data[at:at + length])
    if len(data) < at + length:
        raise Incomplete
    return at + length


def _whole(data, message, at, length, chunked, ended):
    """The rest of a message whose head is read. Ended too early: the message with what came, marked cut."""
    try:
        at = _body(data, at, message, length, chunked, ended)
    except Incomplete:
        if not ended:
            raise
        message.cut = True
        at = len(data)
    return message, at


def read_request(data, ended):
    """One request at the start of `data` and its length. ended: no more bytes will come."""
    message, at = read_head(data, _REQUEST_LINE)
    length, chunked = _length(message)
    return _whole(data, message, at, 0 if length is None else length, chunked, ended)


def read_request_head(data):
    """The head of a request alone, and its length."""
    return read_head(data, _REQUEST_LINE)


def read_response(data, method, ended):
    """One response (1xx included) to `method` at the start of `data`, and its length."""
    message, at = read_head(data, _STATUS_LINE)
    length, chunked = _length(message)
    status = message.status
    if status < 200 or status == 204:
        if length is not None or chunked:
            raise BadMessage(f"a {status} with a length")
        return message, at
    if method == "HEAD" or status == 304:
        return message, at
    return _whole(data, message, at, length, chunked, ended)
