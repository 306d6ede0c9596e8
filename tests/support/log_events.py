"""Every event that the code logs, found in its source."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("listener", "workers", "deploy", "model_store")
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
LOGGERS = {"log", "self._log", "structlog.get_logger()"}


def logged_events() -> dict[str, set[str]]:
    """Return every event with its fields, all places taken together.

    Fails on a call whose event or fields cannot be read from the source.
    """
    events: dict[str, set[str]] = defaultdict(set)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for event, fields in calls(ast.parse(path.read_text(), str(path))):
                events[event] |= fields
    return dict(events)


def calls(module: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """Yield the event and the fields of each call of a logger."""
    values: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id].append(node.value)
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _logs(node.func, values):
            # log.log(level, event) has its level first.
            event = node.args[1] if isinstance(node.func, ast.Attribute) and node.func.attr == "log" else node.args[0]
            fields = {name for keyword in node.keywords for name in _names(keyword, values)}
            if isinstance(node.func, ast.Attribute) and node.func.attr == "exception":
                fields |= {"error", "at"}
            for name in _texts(event, values):
                yield name, fields


def _logs(called: ast.expr, values: dict[str, list[ast.expr]]) -> bool:
    """Return whether this is a method of a logger, or a name that stands for one."""
    if isinstance(called, ast.Name):
        return (
            any(_logs(each.body, {}) for each in values[called.id] if isinstance(each, ast.IfExp)) if values else False
        )
    return (
        isinstance(called, ast.Attribute) and called.attr in LEVELS | {"log"} and ast.unparse(called.value) in LOGGERS
    )


def _texts(event: ast.expr, values: dict[str, list[ast.expr]]) -> set[str]:
    if isinstance(event, ast.Constant):
        return {event.value}
    if isinstance(event, ast.IfExp):
        return _texts(event.body, values) | _texts(event.orelse, values)
    assert isinstance(event, ast.Name), f"a static event name, not {ast.unparse(event)}"
    assert values[event.id], f"a static event name, not {event.id}"
    return {text for value in values[event.id] for text in _texts(value, values)}


def _names(keyword: ast.keyword, values: dict[str, list[ast.expr]]) -> set[str]:
    if keyword.arg is not None:
        return {"error", "at"} if keyword.arg == "exc_info" else {keyword.arg}
    assert isinstance(keyword.value, ast.Name), f"fields that can be read, not **{ast.unparse(keyword.value)}"
    (value,) = values[keyword.value.id]
    assert isinstance(value, ast.Dict)
    return {key.value for key in value.keys if isinstance(key, ast.Constant)}
