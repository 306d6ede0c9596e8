"""Loads large libraries before a worker's first case.

A library that reads large data at its first use would take it from the first case's memory limit, and each process of
the pool would hold a copy.
"""

import importlib

import SimpleITK as sitk
import structlog
from highdicom import SOPClass
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage, generate_uid

from model_store.errors import SignatureError
from workers.scoring.checked_registry import CheckedRegistry

log = structlog.get_logger()


def load_libraries() -> None:
    """Load highdicom's tables of all IODs, which the pool's processes then share.

    highdicom reads its tables, 22 MB of JSON that take 54 MiB, when it creates the first object of a process.
    """
    # Opening a bundle imports it. A pool process that is forked while another thread does so could never open one: the
    # lock of an unfinished import stays locked in the child.
    importlib.import_module("encodings.cp437")
    study, series, instance = (generate_uid() for _ in range(3))
    SOPClass(study, series, 1, instance, SegmentationStorage, 1, "SEG", transfer_syntax_uid=ExplicitVRLittleEndian)


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
