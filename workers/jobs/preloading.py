"""Loads large libraries before a worker's first case.

A library that reads large data at its first use would take it from the first case's memory limit, and each process of
the pool would hold a copy.
"""

import importlib

import SimpleITK as sitk
from pydicom.uid import MRImageStorage, SegmentationStorage

from listener.runtime.logger import Logger
from model_store.errors import SignatureError
from workers.jobs.module_attributes import load_module_attributes
from workers.scoring.checked_registry import CheckedRegistry

log = Logger(__name__)


def load_libraries() -> None:
    """Load what the pool's processes then share."""
    # Opening a bundle imports it. A pool process that is forked while another thread does so could never open one: the
    # lock of an unfinished import stays locked in the child.
    importlib.import_module("encodings.cp437")
    load_module_attributes((SegmentationStorage, MRImageStorage))


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
