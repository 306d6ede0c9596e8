"""Libraries that only studies need: the service runs without them."""

import importlib
from typing import Any

from model_store.errors import StudyError


def study_library(name: str) -> Any:
    """Import a module of the ``study`` extra, such as ``lifelines.statistics``.

    Raises
    ------
    StudyError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise StudyError(
            f"{name.partition('.')[0]} is not installed; install what studies need: pip install 'radtme[study]'"
        ) from error
