"""Reads tests/cases/*.case: the format is described in tests/cases/README.md."""
import dataclasses
import re
import shlex

HEADER_KEYS = {"title", "covers", "rfc", "route", "service", "from"}

# Every statement that can stand in a script, and whether a block of indented lines belongs to it.
_STATEMENTS = [
    (re.compile(r"(?P<actor>client)(?: (?P<name>\w+))? sends(?P<how>| byte by byte| in pieces of \d+):"), "send", True),
    (re.compile(r"(?P<actor>client)(?: (?P<name>\w+))? gets: (?P<what>.+)"), "get", True),
    (re.compile(r"(?P<actor>client)(?: (?P<name>\w+))? gets end"), "end", False),
    (re.compile(r"(?P<actor>client)(?: (?P<name>\w+))? (?P<how>ends|closes|resets)"), "leave", False),
    (re.compile(r"(?P<actor>upstream) sees(?P<part> head|)(?P<how>| on a new connection| on the same connection):"),
     "see", True),
    (re.compile(r"(?P<actor>upstream) sees nothing"), "nothing", False),
    (re.compile(r"(?P<actor>upstream) sees no whole request"), "no_whole", False),
    (re.compile(r"(?P<actor>upstream) sees end"), "end", False),
    (re.compile(r"(?P<actor>upstream) answers(?P<how>| byte by byte| in pieces of \d+):"), "send", True),
    (re.compile(r"(?P<actor>upstream) (?P<how>ends|closes|resets)"), "leave", False),
    (re.compile(r"wait (?P<ms>\d+)ms"), "wait", False),
    (re.compile(r"log: (?P<what>.+)"), "log", False),
]

_ESCAPE = re.compile(r'\\(?:([rnt0"\\])|x([0-9a-fA-F]{2}))')
_PLACEHOLDER = re.compile(r"\{([a-z]\w*)(?: |(?=\}))")
_SIMPLE = {'"': b'"', "r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


class CaseError(Exception):
    """A mistake in a case file."""


@dataclasses.dataclass
class Step:
    verb: str
    actor: str
    args: dict
    lines: list
    where: str


@dataclasses.dataclass
class Case:
    name: str
    path: str
    header: dict
    steps: list
    values: dict = dataclasses.field(default_factory=dict)

    def text(self, raw):
        """A piece of a script as the bytes it stands for."""
        out = []
        at = 0
        while at < len(raw):
            if match := _ESCAPE.match(raw, at):
                simple, code = match.groups()
                out.append(_SIMPLE[simple] if simple else bytes([int(code, 16)]))
                at = match.end()
            elif match := _PLACEHOLDER.match(raw, at):
                end = _closing_brace(raw, at)
                out.append(self._placeholder(match.group(1), raw[match.end():end], raw))
                at = end + 1
            else:
                out.append(raw[at].encode())
                at += 1
        return b"".join(out)

    def _placeholder(self, name, argument, raw):
        if name == "repeat":
            count, _, unit = argument.partition(" ")
            return self.text(unit) * int(count)
        if name not in self.values or argument:
            raise CaseError(f"{self.path}: unknown placeholder {name} in {raw}")
        value = self.values[name]
        return value if isinstance(value, bytes) else self.text(value)


def _closing_brace(raw, at):
    depth = 0
    for end in range(at, len(raw)):
        depth += {"{": 1, "}": -1}.get(raw[end], 0)
        if depth == 0:
            return end
    raise CaseError(f"a brace without end: {raw}")


def content(case, lines):
    """The bytes of a block that is sent: `> line` stands for a line with CRLF, `"bytes"` for just these."""
    out = []
    for line in lines:
        if line == ">" or line.startswith("> "):
            out.append(case.text(line[2:]) + b"\r\n")
        elif len(line) > 1 and line[0] == line[-1] == '"':
            out.append(case.text(line[1:-1]))
        else:
            raise CaseError(f"{case.path}: neither `> line` nor `\"bytes\"`: {line}")
    return b"".join(out)


def load(path, display):
    """The cases of one file: one, or one for each line of its `for` block."""
    header, variants, steps = {}, None, []
    lines = path.read_text(encoding="utf-8").split("\n")
    at = 0
    while at < len(lines):
        line, where = lines[at], f"{display}:{at + 1}"
        at += 1
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            raise CaseError(f"{where}: an indented line that belongs to nothing")
        block, at = _block(lines, at)
        if line.startswith("for "):
            names = [n.strip() for n in line[4:].rstrip(":").split(",")]
            variants = [_variant(names, text, where) for text in block]
            continue
        key = line.partition(":")[0]
        if key in HEADER_KEYS and not steps:
            header[key] = line.partition(":")[2].strip()
            continue
        steps.append(_step(line, block, where))
    if "title" not in header or not steps:
        raise CaseError(f"{display}: a case has a title and a script")
    if variants is None:
        return [Case(path.stem, display, header, steps)]
    return [Case(f"{path.stem}[{label}]", display, header, steps, values) for label, values in variants]


def _block(lines, at):
    """The indented lines that follow, without their indentation; comments and empty lines are dropped."""
    block = []
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith("    ")):
        text = lines[at].strip()
        if text and not text.startswith("#"):
            block.append(text)
        at += 1
    return block, at


def _variant(names, text, where):
    if len(names) == 1:
        quoted = len(text) > 1 and text[0] == text[-1] == '"'
        return text[:60], {names[0]: text[1:-1] if quoted else text}
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words = list(lexer)
    if len(words) != len(names):
        raise CaseError(f"{where}: {len(words)} values for {len(names)} names: {text}")
    return text[:60], dict(zip(names, words))


def _step(line, block, where):
    for pattern, verb, has_block in _STATEMENTS:
        match = pattern.fullmatch(line)
        if match:
            if block and not has_block:
                raise CaseError(f"{where}: nothing may stand under `{line}`")
            args = match.groupdict()
            return Step(verb, args.pop("actor", None), args, block, where)
    raise CaseError(f"{where}: not a statement: {line}")
