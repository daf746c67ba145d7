#!/usr/bin/env python3
"""Makes of the console's files and the runbooks a C++ source that has them as string literals, plain and packed.

    cmake/embed.py OUT.cpp console/dist docs/runbooks
"""
import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".md": "text/markdown; charset=utf-8"}
HEAD = """// Made by cmake/embed.py; do not edit.
#include "control/console_assets.hpp"

#pragma clang diagnostic ignored "-Woverlength-strings"

namespace gw::control {
namespace {

using namespace std::string_view_literals;

constexpr ConsoleAsset kAssets[] = {
"""
TAIL = """};

}  // namespace

std::span<const ConsoleAsset> console_assets() {
    return kAssets;
}

}  // namespace gw::control
"""


def literal(data):
    """Octal escapes always have three digits: what follows never belongs to them."""
    lines = []
    for start in range(0, max(len(data), 1), 400):
        part = data[start:start + 400]
        lines.append('"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in part) + '"')
    return "\n".join(lines) + "sv"


def files(dist, runbooks):
    for path in sorted(dist.iterdir()):
        if path.suffix in TYPES:
            yield ("/" if path.name == "index.html" else f"/console/{path.name}"), path
    for path in sorted(runbooks.glob("*.md")):
        yield f"/console/runbooks/{path.name}", path


def main(out, dist, runbooks):
    text = HEAD
    for served, path in files(pathlib.Path(dist), pathlib.Path(runbooks)):
        plain = path.read_bytes()
        packed = gzip.compress(plain, 9, mtime=0)
        etag = '\\"' + hashlib.sha256(plain).hexdigest()[:16] + '\\"'
        text += (f'    {{.path = "{served}"sv,\n     .content_type = "{TYPES[path.suffix]}"sv,\n     .etag = "{etag}"sv,\n'
                 f"     .plain = {literal(plain)},\n     .gzip = {literal(packed if len(packed) < len(plain) else b'')}}},\n")
    pathlib.Path(out).write_text(text + TAIL)


if __name__ == "__main__":
    main(*sys.argv[1:])
