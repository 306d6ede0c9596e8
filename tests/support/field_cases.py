"""The page on kinds of input and their outcome: docs/accepted-input.md.

Each row of `CASES` names a folder of ``../shared/data/field_cases`` with one input of that kind, each row of
`OTHER_CASES` a test that makes its input itself. After a change of the tables, write the page with
``PYTHONPATH=tests:. python -m support.field_cases``.
"""

from pathlib import Path

from support.field_case import FieldCase, OtherCase, Topic
from support.made_cases import OTHER_CASES
from support.sent_cases import CASES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accepted-input.md"


def page() -> str:
    """Return the text of docs/accepted-input.md."""
    lines = [
        "# Accepted and refused input",
        "",
        "Each row is a kind of input that hospitals and researchers send, and has a test: this page is generated",
        "from `tests/support/sent_cases.py`, which `tests/acceptance/test_field_cases.py` runs, and",
        "`tests/support/made_cases.py`, which names the tests. The reasons are explained in",
        "[not-scored.md](not-scored.md).",
    ]
    for topic in Topic:
        rows = [case for case in (*CASES, *OTHER_CASES) if case.topic is topic]
        if rows:
            lines += ["", f"## {topic}", "", "| input | outcome | reason, or what to do |", "|---|---|---|"]
            lines += [_row(case) for case in rows]
    return "\n".join(lines) + "\n"


def _row(case: FieldCase | OtherCase) -> str:
    ending = f"{case.ending}: `{case.reason}`" if case.reason else str(case.ending)
    return f"| {case.what} | {ending} | {case.then} |"


if __name__ == "__main__":
    PAGE.write_text(page())
