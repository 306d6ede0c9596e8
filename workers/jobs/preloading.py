"""Loads large libraries before a worker's first case.

A library that reads large data at its first use would take it from the first case's memory limit, and each process of
the pool would hold a copy.
"""

import importlib
import json
from functools import partial
from types import SimpleNamespace
from typing import Any

import SimpleITK as sitk
from highdicom import SOPClass, _standard_utils
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage, generate_uid

from listener.runtime.logger import Logger
from model_store.errors import SignatureError
from workers.scoring.checked_registry import CheckedRegistry

log = Logger(__name__)


def load_libraries() -> None:
    """Load highdicom's tables of all IODs, which the pool's processes then share.

    highdicom reads its tables, 22 MB of JSON, when it creates the first object of a process.
    """
    # Opening a bundle imports it. A pool process that is forked while another thread does so could never open one: the
    # lock of an unfinished import stays locked in the child.
    importlib.import_module("encodings.cp437")
    _load_attributes()
    study, series, instance = (generate_uid() for _ in range(3))
    SOPClass(study, series, 1, instance, SegmentationStorage, 1, "SEG", transfer_syntax_uid=ExplicitVRLittleEndian)


def _load_attributes() -> None:
    """Load highdicom's table of attributes with one object for equal ones: 17 MiB instead of 66.

    Half of its 100,000 attributes stand in several modules, and each has the keywords on its path as texts of its own.
    """
    loads = partial(json.loads, object_pairs_hook=partial(_shared, {}))
    _standard_utils.json = SimpleNamespace(loads=loads)  # type: ignore[attr-defined, assignment]
    try:
        _standard_utils.get_module_attribute_map()
    finally:
        _standard_utils.json = json  # type: ignore[attr-defined]


def _shared(known: dict[Any, Any], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of the table; of an attribute, the same one for the same keyword, type and path."""
    if [name for name, _ in pairs] != ["keyword", "type", "path"]:
        return dict(pairs)
    (_, keyword), (_, kind), (_, path) = pairs
    texts = (keyword, kind, *path)
    found: dict[str, Any] | None = known.get(texts)
    if found is None:
        keyword, kind, *path = texts = tuple([known.setdefault(text, text) for text in texts])
        found = known[texts] = {
            "keyword": keyword,
            "type": kind,
            "path": known.setdefault(("path", *path), path),
        }
    return found


def warm_up(registry: CheckedRegistry) -> None:
    """Load the signature and measure the feature canary, in a process of the pool.

    Not before the fork, because ITK's threads must not exist then.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # type: ignore[no-untyped-call]
    registry.measure_here()
    try:
        registry.active()
    except SignatureError as error:
        log.error("signature_unusable", error=str(error))
