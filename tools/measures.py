"""How long files and functions are. Listed for the reader's judgement: where longer is better, let it be."""
import re

FILE_LINES = 400
FUNCTION_LINES = 70

_TYPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
_CONTROL = re.compile(r"^\s*(if|for|while|switch|catch|else|do|try)\b")


def functions(code):
    """(name, first line, lines) of each function definition in code without comments and strings."""
    found = []
    stack = []          # what each open brace belongs to: "scope", "function" or "block"
    statement_from = 0
    line = 1
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            head = code[statement_from:at]
            inside = "function" in [kind for kind, *_ in stack]
            if not inside and ")" in head and not _TYPE.search(head.split("(")[0]) and not _CONTROL.match(head):
                first = line - head.lstrip().count("\n")
                stack.append(("function", _name(head), first))
            else:
                stack.append(("scope" if _TYPE.search(head) else "block", "", line))
            statement_from = at + 1
        elif char == "}":
            if stack:
                kind, name, first = stack.pop()
                if kind == "function":
                    found.append((name, first, line - first + 1))
            statement_from = at + 1
        elif char == ";":
            statement_from = at + 1
    return found


def _name(head):
    match = re.search(r"([\w:~]+|operator\s*\S+)\s*\(", head)
    return match.group(1) if match else "?"


def long_ones(tree):
    lines = []
    for source in tree.sources:
        count = source.text.count("\n")
        if count > FILE_LINES:
            lines.append(f"long file: {source.path}: {count} lines")
        for name, first, length in functions(source.code):
            if length > FUNCTION_LINES:
                lines.append(f"long function: {source.path}:{first}: {name}: {length} lines")
    return lines
