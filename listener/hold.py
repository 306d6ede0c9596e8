"""A job that a person holds: nobody moves it on, scores or sends it until it is released."""

from pathlib import Path

HOLD_NAME = "hold.json"
"""In the job's folder, where it moves along with the job: who holds it, since when, and why."""


def is_held(folder: Path) -> bool:
    """Tell whether a person holds the job in this folder."""
    return (folder / HOLD_NAME).exists()
