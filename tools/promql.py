"""What a PromQL expression speaks of: metrics, conditions on labels, and labels that it groups by. No parser: promtool
says whether an expression is one."""
import dataclasses
import re

KEYWORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right", "inf",
            "nan", "start", "end"}
_STRING = re.compile(r'"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_LABEL_VALUES = re.compile(r"label_values\s*\((.*),\s*(\w+)\s*\)\s*$")
_SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)?\s*\{([^}]*)\}")
_NAME = re.compile(r"(?<![\w.:$])[A-Za-z_:][\w:]*(?!\s*\()(?![\w:])")
_MATCHER = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*@(\d+)@\s*(?:,|$)")


@dataclasses.dataclass
class Spoken:
    metrics: list       # names, in the order of the expression
    matchers: list      # (metric, label, operator, value)
    grouped: set        # labels in by(), on() and the like


def spoken(expression):
    grouped = set()
    # A variable's definition in a dashboard: the last argument is a label.
    if match := _LABEL_VALUES.match(expression.strip()):
        expression = match.group(1)
        grouped.add(match.group(2))
    expression = re.sub(r"#[^\n]*", "", expression)
    strings = []

    def kept(match):
        strings.append((match.group(1) if match.group(1) is not None else match.group(2)).replace("\\\\", "\\"))
        return f"@{len(strings) - 1}@"
    text = _STRING.sub(kept, expression)

    def grouping(match):
        grouped.update(label.strip() for label in match.group(1).split(",") if label.strip())
        return " "
    text = _GROUPING.sub(grouping, text)
    text = re.sub(r"\[[^\]]*\]", " ", text)
    metrics, matchers = [], []

    def selector(match):
        name = match.group(1)
        if name:
            metrics.append(name)
        for label, operator, number in _MATCHER.findall(match.group(2)):
            matchers.append((name, label, operator, strings[int(number)]))
        return " "
    text = _SELECTOR.sub(selector, text)
    metrics += [name for name in _NAME.findall(text) if name.lower() not in KEYWORDS]
    return Spoken(metrics, matchers, grouped)
