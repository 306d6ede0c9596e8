"""`radtme up` on a terminal: what it prints and what its parts log never share a line; where what is."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from deploy.commands import up


@pytest.mark.parametrize("in_line_with_logs", [True, False])
def test_a_spinner_turns_only_where_the_log_goes_elsewhere(
    in_line_with_logs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spinner rewrites its line, into which the parts would log; in their midst it is one whole line."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(up, "notices", lambda: terminal)
    with up._starting(in_line_with_logs=in_line_with_logs):
        pass
    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    if in_line_with_logs:
        assert shown == "starting\n"
    else:
        assert "starting" in shown
        assert "\x1b[2K" in shown, "the spinner's line is cleared"


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        (None, "the one that radtme ships, as soon as a worker has started"),
        ('{"active": "mine-1.0.0"}', "mine-1.0.0"),
        ("{}", "no active signature can be read: cases are not scored (radtme signature activate NAME)"),
    ],
)
def test_the_signature_is_named(pointer: str | None, shown: str, tmp_path: Path) -> None:
    """The workers of a new installation activate the one that comes with the program, after `up` has printed this."""
    if pointer is not None:
        (tmp_path / "active.json").write_text(pointer)
    assert up._active_signature(tmp_path) == shown
