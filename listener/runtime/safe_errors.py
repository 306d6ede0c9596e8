"""What may be logged of an error: exception type and stack locations, without messages that may quote patient data."""

import traceback
from pathlib import Path


def stack_locations(error: BaseException) -> list[str]:
    """Return the file, line and function of each frame that the error passed through, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def causes(error: BaseException) -> list[str]:
    """Return the types of an error and of those that led to it, the last one first."""
    types = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        types.append(type(cause).__name__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return types
