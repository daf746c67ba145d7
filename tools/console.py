#!/usr/bin/env python3
"""console/dist is what the sources in console/ build to.

    tools/console.py           builds it (make console)
    tools/console.py --check   says whether it is so; exit 1 if not. Without npm's packages the sources are held against
                               the digest that the last build left, which needs no node.
"""
import argparse
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONSOLE = ROOT / "console"
DIST = CONSOLE / "dist"
DIGEST = CONSOLE / "dist.sha256"


def digest():
    """Of everything that a build reads and makes."""
    total = hashlib.sha256()
    for path in sorted([*CONSOLE.glob("*.json"), *CONSOLE.glob("*.ts"), CONSOLE / "index.html", *CONSOLE.glob("public/*"),
                        *CONSOLE.glob("src/**/*.*"), *DIST.iterdir()]):
        total.update(f"{path.relative_to(CONSOLE)}\0".encode() + path.read_bytes())
    return total.hexdigest()


def build(out):
    for command in (["node_modules/.bin/tsc", "--noEmit"],
                    ["node_modules/.bin/vite", "build", "--logLevel", "warn", "--emptyOutDir", "--outDir", str(out)]):
        subprocess.run(command, cwd=CONSOLE, check=True)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check():
    if DIGEST.read_text().strip() != digest():
        return "console/ and console/dist do not belong together: make console"
    if not (CONSOLE / "node_modules/vite").is_dir():
        print("console: sources and dist belong together; not built anew, npm's packages are not there")
        return ""
    with tempfile.TemporaryDirectory() as folder:
        build(folder)
        if files(pathlib.Path(folder)) != files(DIST):
            return "console/dist is not what the sources build to: make console"
    print("console: dist is what the sources build to")
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        sys.exit(check() or 0)
    with tempfile.TemporaryDirectory() as folder:
        build(folder)
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(folder, DIST)
    DIGEST.write_text(digest() + "\n")


if __name__ == "__main__":
    main()
