"""What a case expects of a message, and the comparison with what came."""
import dataclasses
import json
import re
import time

from support.casefile import CaseError
from support.wire import printable

# What the gateway itself adds to every request it forwards (contract of the gateway, "Identity"). A case names such a
# field only if its value matters there; otherwise it must be there once and look like this.
GATEWAY_FIELDS = {
    "x-request-id": r"[\x21-\x7e]{1,128}",
    "x-correlation-id": r"[\x21-\x7e]{1,128}",
    "x-original-ip": r"127\.0\.0\.1",
    "x-forwarded-for": r"127\.0\.0\.1",
    "x-forwarded-proto": r"http",
    "x-forwarded-host": r"[\x21-\x7e]+",
    "x-gateway-forwarded": r"true",
    "x-request-deadline": r"\d{13}",
    "traceparent": r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}",
    "host": r"127\.0\.0\.1:\d+",
    "via": r"1\.1 [\x21-\x7e]+",
}

# What a peer may choose freely as long as the body is the same.
_FRAMING = {"content-length", "transfer-encoding"}

PROBLEM_MEMBERS = {"type", "title", "status", "detail", "instance", "code", "correlationId", "timestamp"}
_TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


class Mismatch(AssertionError):
    """A message is not as the case says."""


@dataclasses.dataclass
class Answer:
    """A final response that a client got, to be found again in the access log."""
    where: str
    request_id: str
    status: int
    fields: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Wanted:
    """The expectation lines of one block."""
    start: str = ""
    statuses: list = dataclasses.field(default_factory=list)
    codes: list = dataclasses.field(default_factory=list)
    method: str = "GET"
    close: bool = False
    cut: bool = False
    reset: bool = False
    after: float = None
    within: float = None
    fields: list = dataclasses.field(default_factory=list)     # (name, value)
    patterns: list = dataclasses.field(default_factory=list)   # (name, regular expression)
    without: list = dataclasses.field(default_factory=list)
    trailers: list = dataclasses.field(default_factory=list)
    body: bytes = None
    body_pattern: str = None
    captured: dict = dataclasses.field(default_factory=dict)   # named groups of the patterns, as they matched


def request(case, lines):
    if not lines:
        raise CaseError(f"{case.path}: what does the upstream see?")
    wanted = Wanted(start=case.text(lines[0]).decode("latin-1"))
    if not re.fullmatch(r"\S+ \S+( HTTP/1\.1)?", wanted.start):
        raise CaseError(f"{case.path}: not `METHOD target`: {lines[0]}")
    wanted.start = wanted.start.removesuffix(" HTTP/1.1") + " HTTP/1.1"
    _lines(case, wanted, lines[1:])
    return wanted


def response(case, what, lines):
    """`STATUS [code] [to HEAD] [close] [cut] [reset] [after Nms] [within Nms]` and the block under it. Status and code may
    be alternatives: `400|501 bad_request|not_implemented`."""
    words = case.text(what).decode().split()
    wanted = Wanted(statuses=[int(s) for s in words.pop(0).split("|")])
    while words:
        word = words.pop(0)
        if word == "to":
            wanted.method = words.pop(0)
        elif word in ("close", "cut", "reset"):
            setattr(wanted, word, True)
        elif word in ("after", "within"):
            setattr(wanted, word, int(words.pop(0).removesuffix("ms")) / 1000)
        elif re.fullmatch("[a-z_|]+", word) and not wanted.codes:
            wanted.codes = word.split("|")
        else:
            raise CaseError(f"{case.path}: what is `{word}` in `client gets: {what}`?")
    _lines(case, wanted, lines)
    return wanted


def _lines(case, wanted, lines):
    for line in lines:
        if re.fullmatch(r"\{\w+\}", line):   # a whole line of a `for` block
            line = case.values.get(line[1:-1], line)
        if line.startswith("without "):
            wanted.without += [n.strip() for n in line[8:].split(",")]
        elif line.startswith("body ~ "):
            wanted.body_pattern = line[7:]
        elif line.startswith('body "') and line.endswith('"'):
            wanted.body = case.text(line[6:-1])
        elif line.startswith("trailer ") and ":" in line:
            wanted.trailers.append(_field(case, line[8:]))
        elif re.match(r"[\w-]+ ~ ", line):
            wanted.patterns.append(tuple(line.split(" ~ ", 1)))
        elif re.match(r"[^\s:]+:", line):
            wanted.fields.append(_field(case, line))
        else:
            raise CaseError(f"{case.path}: not an expectation: {line}")


def _field(case, line):
    name, _, value = line.partition(":")
    return case.text(name).decode("latin-1"), case.text(value.strip(" ")).decode("latin-1")


def _check_fields(wanted, message):
    """The named fields are there as written; returns the names that were spoken of."""
    named = {}
    for name, value in wanted.fields:
        named.setdefault(name.lower(), []).append(value)
    for name, values in named.items():
        found = message.values(name)
        if found != values:
            raise Mismatch(f"{name}: wanted {values}, found {found}")
    for name, pattern in wanted.patterns:
        found = message.value(name)
        match = re.fullmatch(pattern, found) if found is not None else None
        if not match:
            raise Mismatch(f"{name}: wanted once, like {pattern}; found {message.values(name)}")
        wanted.captured.update(match.groupdict())
        named[name.lower()] = [found]
    for name in wanted.without:
        if message.has(name):
            raise Mismatch(f"{name} should not be there: {message.values(name)}")
        named[name.lower()] = []
    return named


def _check_body(wanted, message):
    if wanted.body is not None and message.body != wanted.body:
        raise Mismatch(f"body: wanted \"{printable(wanted.body)}\" ({len(wanted.body)} bytes), "
                       f"found \"{printable(message.body)}\" ({len(message.body)} bytes)")
    if wanted.body_pattern is not None and not re.fullmatch(
            wanted.body_pattern, message.body.decode("latin-1"), re.DOTALL):
        raise Mismatch(f"body: wanted like {wanted.body_pattern}, found \"{printable(message.body)}\"")


def check_request(wanted, message, strict):
    """A forwarded request: its line, exactly the fields that are written or are the gateway's own, body, trailers."""
    start = message.start.decode("latin-1")
    if start != wanted.start:
        raise Mismatch(f"wanted `{wanted.start}`, found `{start}`")
    if not strict:
        wanted = _for_peers(wanted, _FRAMING | set(GATEWAY_FIELDS))
    named = _check_fields(wanted, message)
    if strict:
        _check_gateway_fields(named, message)
    if message.cut:
        raise Mismatch("the request to the upstream is cut short")
    _check_body(wanted, message)
    trailers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message.trailers]
    if strict and trailers != wanted.trailers:
        raise Mismatch(f"trailers: wanted {wanted.trailers}, found {trailers}")


def _for_peers(wanted, ignored):
    """Without the fields that another proxy may set in its own way."""
    return dataclasses.replace(wanted, without=[],
                               fields=[f for f in wanted.fields if f[0].lower() not in ignored],
                               patterns=[p for p in wanted.patterns if p[0].lower() not in ignored])


def _check_gateway_fields(named, message):
    for name, pattern in GATEWAY_FIELDS.items():
        if name in named:
            continue
        found = message.values(name)
        if len(found) != 1 or not re.fullmatch(pattern, found[0]):
            raise Mismatch(f"{name}: wanted once, like {pattern}; found {found}")
    for name, value in message.fields:
        lower = name.decode().lower()
        if lower not in named and lower not in GATEWAY_FIELDS:
            raise Mismatch(f"a field that the case does not expect: {name.decode()}: {value.decode('latin-1')}")
    deadline = message.value("x-request-deadline")
    if "x-request-deadline" not in named and not 0 < int(deadline) / 1000 - time.time() + 1 < 600:
        raise Mismatch(f"X-Request-Deadline is not a time that lies ahead: {deadline}")


def check_response(wanted, message, strict):
    if message.status not in wanted.statuses:
        raise Mismatch(f"wanted {wanted.statuses}, found {message}")
    if message.cut != wanted.cut:
        raise Mismatch(f"the response {'is' if message.cut else 'should be'} cut short: {message}")
    _check_fields(wanted if strict else _for_peers(wanted, _FRAMING | {"x-request-id", "x-correlation-id"}), message)
    _check_body(wanted, message)
    trailers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message.trailers]
    if strict and trailers != wanted.trailers:
        raise Mismatch(f"trailers: wanted {wanted.trailers}, found {trailers}")
    if strict and wanted.close and message.status >= 200 and not message.cut and not message.until_close:
        if "close" not in [v.strip().lower() for v in ",".join(message.values("Connection")).split(",")]:
            raise Mismatch("the response does not say Connection: close")
    if strict and wanted.codes:
        check_problem(wanted, message)


def check_problem(wanted, message):
    """An answer of the gateway's own: RFC 9457 with all members, and nothing that could come from elsewhere."""
    if message.value("Content-Type") != "application/problem+json":
        raise Mismatch(f"not a problem document: {message}")
    if wanted.method == "HEAD":
        return
    try:
        problem = json.loads(message.body)
    except ValueError:
        raise Mismatch(f"not JSON: {message}") from None
    if set(problem) != PROBLEM_MEMBERS:
        raise Mismatch(f"members of the problem: missing {sorted(PROBLEM_MEMBERS - set(problem))}, "
                       f"unexpected {sorted(set(problem) - PROBLEM_MEMBERS)}")
    for member, values in (("status", [message.status]), ("code", wanted.codes),
                           ("correlationId", [message.value("X-Correlation-Id")])):
        if problem[member] not in values:
            raise Mismatch(f"problem {member}: wanted {values}, found {problem[member]}")
    for member in ("type", "title", "detail", "instance"):
        if not isinstance(problem[member], str) or not problem[member]:
            raise Mismatch(f"problem {member} is empty")
    if not re.fullmatch(_TIMESTAMP, problem["timestamp"]):
        raise Mismatch(f"problem timestamp: {problem['timestamp']}")


def log_fields(case, what):
    """`status=400 outcome~=framing.*`: pairs of a name, whether it is a pattern, and the text."""
    fields = []
    for word in case.text(what.replace("\\", "\\\\")).decode().split():
        match = re.fullmatch(r"(\w+)(~?)=(.*)", word)
        if not match:
            raise CaseError(f"{case.path}: not a field of the access line: {word}")
        fields.append((match.group(1), bool(match.group(2)), match.group(3)))
    return fields


def check_log(answer, lines, route):
    """The one access line of an answer: found by its request id, or by the route if the client got no answer."""
    if answer.request_id:
        found = [l for l in lines if l.get("requestId") == answer.request_id and "durationMs" in l]
    else:
        found = [l for l in lines if str(l.get("path", "")).startswith(route) and "durationMs" in l]
    if len(found) != 1:
        raise Mismatch(f"{answer.where}: {len(found)} access lines for {answer.request_id or route}")
    line = found[0]
    if answer.status and line.get("status") != answer.status:
        raise Mismatch(f"{answer.where}: the access line says {line.get('status')}, the client got {answer.status}")
    for name, pattern, text in answer.fields:
        value = str(line.get(name))
        if not (re.fullmatch(text, value) if pattern else value == text):
            raise Mismatch(f"{answer.where}: {name} is {value}, wanted {text} in {json.dumps(line)}")
