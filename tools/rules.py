"""The rules that a machine can hold the tree against. Each is a function of the tree that yields findings."""
import dataclasses
import fnmatch
import pathlib
import re


@dataclasses.dataclass
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


class Source:
    """A C++ file: its text, and the same text with comments and literals blanked out."""

    def __init__(self, path, text):
        self.path = path                                # relative to the root
        self.inside = path.removeprefix("src/")         # relative to src/
        self.folder = self.inside.split("/")[0] if "/" in self.inside else ""
        self.text = text
        self.lines = text.split("\n")
        self.code = _without_comments(text)

    @property
    def is_proof(self):
        """Tests, fuzz targets and benchmarks may do what the program may not."""
        return bool(re.search(r"_(test|fuzz|bench)\.cpp$|_test_support\.[ch]pp$", self.path))

    def allows(self, line, rule):
        around = self.lines[max(0, line - 2):line]
        return any(re.search(rf"allow\({rule}\): \S", text) for text in around)

    def includes(self):
        for number, text in enumerate(self.lines, 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', text)
            if match:
                yield number, match.group(1) == '"', match.group(2)


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.sources = [Source(str(p.relative_to(self.root)), p.read_text(encoding="utf-8"))
                        for p in sorted((self.root / "src").rglob("*"))
                        if p.suffix in (".hpp", ".cpp", ".def")]
        self.documents = sorted(p for p in [*self.root.glob("*.md"), *self.root.glob("docs/**/*.md"),
                                            *self.root.glob("*/**/README.md")]
                                if not {"build", "node_modules", ".git"} & set(p.relative_to(self.root).parts))
        self.layers = _layers(self.root / "src" / "CMakeLists.txt")

    def source(self, inside):
        return next((s for s in self.sources if s.inside == inside), None)


_LITERALS = re.compile(r"//[^\n]*|/\*.*?\*/|R\"(\w*)\(.*?\)\1\"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'", re.DOTALL)


def _without_comments(text):
    """Comments and literals become spaces, so that places stay the same; included names stay."""
    def blank(match):
        start = text.rfind("\n", 0, match.start()) + 1
        if text[start:match.start()].lstrip().startswith("#") and not match.group(0).startswith(("//", "/*")):
            return match.group(0)
        return re.sub(r"[^\n]", " ", match.group(0))
    return _LITERALS.sub(blank, text)


# Layers

def _layers(cmake):
    """{folder: folders it may use} from the gw_module lines."""
    found = {}
    text = re.sub(r"#[^\n]*", "", cmake.read_text()) if cmake.exists() else ""
    for match in re.finditer(r"gw_module\(\s*(\w+)([^)]*)\)", text):
        uses = re.search(r"USES((?:\s+[a-z_]+)*)", match.group(2))
        found[match.group(1)] = uses.group(1).split() if uses else []
    return found


def layers(tree):
    """An include points to the same folder or to one that src/CMakeLists.txt names for it."""
    seen = []
    for folder, uses in tree.layers.items():
        for used in uses:
            if used not in seen:
                yield Finding("src/CMakeLists.txt", 1, "layers", f"{folder} uses {used}, which does not stand above it")
        seen.append(folder)
    for source in tree.sources:
        if source.folder and source.folder not in tree.layers:
            yield Finding(source.path, 1, "layers", f"no gw_module line for the folder {source.folder}")
            continue
        for number, ours, name in source.includes():
            if not ours:
                continue
            folder = name.split("/")[0]
            if tree.source(name) is None:
                yield Finding(source.path, number, "layers", f'"{name}" is no file under src/')
            elif source.folder and folder != source.folder and folder not in tree.layers[source.folder]:
                yield Finding(source.path, number, "layers",
                              f"{source.folder} may not use {folder}: hand it down, or move what is needed below")


def picture(tree):
    """docs/architecture.md draws each folder above all that it uses."""
    path = tree.root / "docs" / "architecture.md"
    if not path.exists():
        return
    levels, lines = {}, {}
    for number, text in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        match = re.match(r"(\d) (\w+)\b", text)
        if match:
            levels[match.group(2)], lines[match.group(2)] = int(match.group(1)), number
    for folder, uses in tree.layers.items():
        if folder not in levels:
            yield Finding("docs/architecture.md", 1, "picture", f"the picture of layers lacks {folder}")
            continue
        for used in uses:
            if levels.get(used, -1) >= levels[folder]:
                yield Finding("docs/architecture.md", lines[folder], "picture", f"{folder} uses {used}, which is drawn no lower")
    for folder in levels.keys() - tree.layers.keys() - {"main"}:
        yield Finding("docs/architecture.md", lines[folder], "picture", f"src/CMakeLists.txt has no {folder}")


# Third-party headers

HOMES = [   # header, where it may be included, what everybody else uses
    ("openssl/*", ["net/tls_*", "identity/*", "security/*"], "net/tls_session.hpp, identity/verifier.hpp or security/request_signature.hpp"),
    ("nghttp2/*", ["http/h2_nghttp2.hpp"], "http/h2_session.hpp"),
    ("hiredis/*", ["state/redis_reply.cpp", "state/resp_client.cpp"], "state/redis_reply.hpp"),
    ("yaml-cpp/*", ["config/document.cpp"], "config/document.hpp"),
    ("ares.h", ["net/resolver.cpp"], "net/resolver.hpp"),
    ("zlib.h", ["cli/log_lines.cpp", "http/content_coder*.cpp"], "cli/log_lines.hpp or http/content_coder.hpp"),
    ("brotli/*", ["http/content_coder*.cpp"], "http/content_coder.hpp"),
    ("CLI/*", ["cli/*"], "a command in cli/commands.cpp"),
    ("boost/json*", ["config/schema.*", "identity/*", "schema/json.cpp", "control/*", "cli/*"], "observe/json_line.hpp on the data path"),
    ("re2/*", ["schema/pattern.cpp"], "schema/pattern.hpp"),
    ("boost/unordered/*", ["*"], ""),
    ("boost/container/*", ["*"], ""),
    ("sys/epoll.h", ["net/*"], "net/loop.hpp"),
    ("sys/socket.h", ["net/*"], "net/stream.hpp and net/listener.hpp"),
    ("netinet/*", ["net/*"], "net/sockaddr.hpp"),
    ("gtest/*", ["*_test.cpp", "*_test_support.*"], ""),
    ("gmock/*", ["*_test.cpp", "*_test_support.*"], ""),
    ("benchmark/*", ["*_bench.cpp"], ""),
]


def homes(tree):
    """A library is included in one place; the rest of the program sees our own words for it."""
    for source in tree.sources:
        for number, ours, name in source.includes():
            if ours or "/" not in name and "." not in name:
                continue   # a header of the standard library has no suffix
            home = next((h for h in HOMES if fnmatch.fnmatch(name, h[0])), None)
            if home is None:
                if "/" in name and name.split("/")[0] not in ("sys", "arpa", "linux", "net"):
                    yield Finding(source.path, number, "homes", f"<{name}> has no home: give it one in tools/rules.py")
                continue
            _, places, instead = home
            if source.is_proof and not name.startswith(("gtest", "gmock", "benchmark")):
                continue
            if not any(fnmatch.fnmatch(source.inside, p) for p in places) and not source.allows(number, "homes"):
                yield Finding(source.path, number, "homes",
                              f"<{name}> belongs to {' '.join(places)}" + (f"; use {instead}" if instead else ""))


# Bans

BANS = [   # rule, what, where it is allowed, what instead
    ("clock", r"\b(?:steady|system|high_resolution|utc|file)_clock::now\b", ["net/loop.cpp", "observe/log.cpp", "cli/*"],
     "take `now` as an argument, or ask loop.now()"),
    ("clock", r"\b(?:clock_gettime|gettimeofday|time)\s*\(\s*(?:CLOCK_\w+|NULL|nullptr|0)\b", ["net/loop.cpp"],
     "take `now` as an argument, or ask loop.now()"),
    ("chance", r"\bs?rand\s*\(|\brandom_device\b|\bmt19937|\bgetrandom\b", ["base/random.*"], "use base/random.hpp"),
    ("ownership", r"\bnew\b(?!\s*\()\s*[A-Za-z_:]", ["net/task.*"], "use a value or std::make_unique"),
    ("ownership", r"(?<!=)(?<!operator)\s\bdelete\b\s*(?:\[\s*\])?\s*[A-Za-z_*(]", ["net/task.*"], "use a value or std::unique_ptr"),
    ("threads", r"\bstd::thread\b(?!::)", [], "use std::jthread"),
    ("threads", r"\bstd::jthread\b", ["net/*", "observe/log.*", "app/worker.*"], "run a task on a worker or the control loop"),
    ("threads", r"(?:\.|->)detach\s*\(|\bpthread_detach\b", [], "spawn into a Scope and wait for it"),
    ("threads", r"\b(?:std::)?(?:async|packaged_task)\s*[<(]", [], "spawn into a Scope"),
    ("sleep", r"\bsleep_(?:for|until)\b|\bu?sleep\s*\(|\bnanosleep\b", [], "wait for a condition with a deadline"),
    ("sleep", r"\bboost/asio\b|\bboost::asio\b", [], "use net/loop.hpp"),
    ("names", r"(?m)^using\s+namespace\b", [], "name what you use, or say it inside a function"),
    ("unsafe", r"\b(?:strcpy|strcat|sprintf|gets|strtok|atoi|atol|alloca)\s*\(", [], "use std::string_view, to_chars, from_chars"),
    ("exceptions", r"\bthrow\b", ["config/*", "cli/*"], "return a Result"),
]


def bans(tree):
    """What may not stand in the program, and what to use in its place."""
    for source in tree.sources:
        if source.is_proof:
            continue
        for rule, pattern, places, instead in BANS:
            if any(fnmatch.fnmatch(source.inside, p) for p in places):
                continue
            for match in re.finditer(pattern, source.code):
                line = source.code.count("\n", 0, match.start() + len(match.group(0)) - len(match.group(0).lstrip())) + 1
                if not source.allows(line, rule):
                    yield Finding(source.path, line, rule, f"`{match.group(0).strip()}`: {instead}")


def unfinished(tree):
    """What is left to do stands in an issue, not in the code."""
    for source in tree.sources:
        for number, text in enumerate(source.lines, 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text):
                yield Finding(source.path, number, "unfinished", "finish it, or describe it where work is tracked")


def sleeps(tree):
    """Tests wait for conditions; what sleeps plays somebody's pace, or the fault itself, and says so."""
    for path in sorted((tree.root / "tests").rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        for number, text in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if re.search(r"\b(?:time|asyncio)\.sleep\(", text) and not re.search(r"# allow\(sleep\): \S", text):
                yield Finding(str(path.relative_to(tree.root)), number, "sleep", "wait for a condition: tests/support/wait.py")


def coroutine_parameters(tree):
    """A coroutine's `const&` parameter binds to temporaries that are gone after its first wait."""
    for source in tree.sources:
        if source.is_proof:
            continue
        for match in re.finditer(r"\bTask<", source.code):
            opened = _after_template(source.code, match.end())
            head = re.compile(r"\s+[\w:]+\s*\(").match(source.code, opened)
            if not head:
                continue
            parameters = source.code[head.end():_closing(source.code, head.end())]
            for bad in re.finditer(r"(?:^|,)\s*(const\s+[\w:<>, ]+?\s*&\s*\w*|[\w:<>]+\s+const\s*&\s*\w*)", parameters):
                line = source.code.count("\n", 0, head.end() + bad.start(1)) + 1
                if not source.allows(line, "coroutine"):
                    yield Finding(source.path, line, "coroutine",
                                  f"`{' '.join(bad.group(1).split())}`: pass a value, or `T&` to something pinned")


def _after_template(code, at):
    depth = 1
    while at < len(code) and depth:
        depth += {"<": 1, ">": -1}.get(code[at], 0)
        at += 1
    return at


def _closing(code, at):
    depth = 1
    while at < len(code) and depth:
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        at += 1
    return at - 1


def lambda_coroutines(tree):
    """The captures of a lambda die with the lambda, not with the coroutine that it became."""
    for source in tree.sources:
        for match in re.finditer(r"\[[^\]\n]*\]\s*(?:\([^)]*\))?\s*(?:mutable\s*)?->\s*(?:net::)?Task<", source.code):
            line = source.code.count("\n", 0, match.start()) + 1
            if not source.allows(line, "coroutine"):
                yield Finding(source.path, line, "coroutine", "a lambda that is a coroutine: make it a named function")


# Stages, headers

def stages(tree):
    """Each file of src/gateway/stages stands in stages.def, and each line there has its file."""
    listed = tree.source("gateway/stages.def")
    files = {pathlib.Path(s.path).stem for s in tree.sources
             if s.inside.startswith("gateway/stages/") and s.path.endswith(".cpp") and not s.is_proof}
    if listed is None:
        if files:
            yield Finding("src/gateway/stages.def", 1, "stages", "is missing")
        return
    named = {}
    for number, text in enumerate(listed.lines, 1):
        match = re.match(r"STAGE\((\w+)\)(.*)", text)
        if not match:
            continue
        named[match.group(1)] = number
        if "//" not in match.group(2):
            yield Finding(listed.path, number, "stages", f"say why {match.group(1)} stands where it does")
    for name in sorted(files - set(named)):
        yield Finding(f"src/gateway/stages/{name}.cpp", 1, "stages", "is not named in stages.def")
    for name in sorted(set(named) - files):
        yield Finding(listed.path, named[name], "stages", f"there is no stages/{name}.cpp")


def dead_headers(tree):
    """A header that nobody includes is not part of the program."""
    included = set()
    places = [p for d in ("src", "bench", "demo", "tests", "cmake") for s in ("*.cpp", "*.hpp", "*.def")
              for p in (tree.root / d).rglob(s)]
    for path in places:
        for match in re.finditer(r'#\s*include\s*"([^"]+)"', path.read_text(encoding="utf-8")):
            if path.relative_to(tree.root).as_posix() != "src/" + match.group(1):
                included.add((match.group(1), path.stem))
    for source in tree.sources:
        if source.path.endswith(".cpp"):
            continue
        stem = pathlib.Path(source.path).stem
        users = {user for name, user in included if name == source.inside}
        if not users:
            yield Finding(source.path, 1, "dead", "nobody includes this header")
        elif source.path.endswith(".hpp") and users <= {stem, stem + "_test", stem + "_fuzz", stem + "_bench"} and \
                tree.source(source.inside.replace(".hpp", ".cpp")):
            yield Finding(source.path, 1, "dead", "only its own implementation and tests include this header")


def header_heads(tree):
    """A header opens with what it is for, and is included once."""
    for source in tree.sources:
        if source.path.endswith(".hpp"):
            if not source.text.startswith("//"):
                yield Finding(source.path, 1, "head", "a header opens with a comment that says what it is for")
            if "#pragma once" not in source.text:
                yield Finding(source.path, 1, "head", "#pragma once is missing")


# Documents

def _outside_fences(text):
    fence = None
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r"\s*(```+|~~~+)", line)
        if match and fence is None:
            fence = match.group(1)
        elif match and match.group(1).startswith(fence):
            fence = None
        elif fence is None:
            yield number, line


def titles(tree):
    """A document has exactly one title."""
    for path in tree.documents:
        found = [n for n, line in _outside_fences(path.read_text(encoding="utf-8")) if re.match(r"# \S", line)]
        if len(found) != 1:
            name = str(path.relative_to(tree.root))
            yield Finding(name, found[1] if found else 1, "title", f"{len(found)} titles; a document has one")


def fuzzed(tree):
    """docs/fuzzing.md says of each fuzz target what it is for, above the table of what it has had."""
    path = tree.root / "docs" / "fuzzing.md"
    if path.exists():
        told = path.read_text(encoding="utf-8").split("<!-- made by")[0]
        for source in tree.sources:
            stem = pathlib.Path(source.path).stem
            if source.path.endswith("_fuzz.cpp") and f"`{stem}`" not in told:
                yield Finding("docs/fuzzing.md", 1, "fuzzed", f"does not say what {stem} is for")


_QUOTE = re.compile(r"<!-- quote: (\S+?)#(\S+) -->\n(```\w*\n)(.*?)(```)", re.DOTALL)


def quoted_region(tree, path, name):
    """The lines between `// [name` and `// name]`, without their common indentation; None if there are none."""
    file = tree.root / path
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8").split("\n")
    marks = [i for i, line in enumerate(lines) if re.fullmatch(rf"\s*(//|#) \[{re.escape(name)}", line)]
    ends = [i for i, line in enumerate(lines) if re.fullmatch(rf"\s*(//|#) {re.escape(name)}\]", line)]
    if len(marks) != 1 or len(ends) != 1 or ends[0] < marks[0]:
        return None
    region = lines[marks[0] + 1:ends[0]]
    margin = min((len(l) - len(l.lstrip()) for l in region if l.strip()), default=0)
    return "".join(l[margin:] + "\n" for l in region)


def quotes(tree):
    """Code in documents is a quotation of the real file, and up to date."""
    for path in tree.documents:
        text = path.read_text(encoding="utf-8")
        name = str(path.relative_to(tree.root))
        complete = {m.start() for m in _QUOTE.finditer(text)}
        for mark in re.finditer(r"<!-- quote: ", text):
            if mark.start() not in complete:
                yield Finding(name, text.count("\n", 0, mark.start()) + 1, "quote",
                              "a fenced block stands directly below `<!-- quote: path#name -->`")
        for match in _QUOTE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            region = quoted_region(tree, match.group(1), match.group(2))
            if region is None:
                yield Finding(name, line, "quote", f"{match.group(1)} has no region {match.group(2)}")
            elif region != match.group(4):
                yield Finding(name, line, "quote", f"{match.group(1)}#{match.group(2)} has changed: "
                                                   "read it, then run tools/check.py --quote")


def refresh_quotes(tree):
    for path in tree.documents:
        text = path.read_text(encoding="utf-8")

        def current(match):
            region = quoted_region(tree, match.group(1), match.group(2))
            body = match.group(4) if region is None else region
            return f"<!-- quote: {match.group(1)}#{match.group(2)} -->\n{match.group(3)}{body}{match.group(5)}"
        fresh = _QUOTE.sub(current, text)
        if fresh != text:
            path.write_text(fresh, encoding="utf-8")
            yield path.relative_to(tree.root)


def shared_pointers(tree):
    """Only a warning: on the workers a reference count is an atomic write to a line that others read."""
    for source in tree.sources:
        if source.folder in ("net", "http", "gateway") and not source.is_proof:
            count = len(re.findall(r"\bshared_ptr\b", source.code))
            if count:
                yield f"shared_ptr: {source.path}: {count} times; a snapshot, or an owner and references?"


RULES = [layers, picture, homes, bans, sleeps, unfinished, coroutine_parameters, lambda_coroutines, stages, dead_headers, header_heads,
         titles, fuzzed, quotes]


def check(tree):
    return [finding for rule in RULES for finding in rule(tree)]
