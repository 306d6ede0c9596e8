"""What a scoring worker loads before its first case.

A library that reads something large at its first use would take it from the memory that the first case may have, and
every process of the pool would hold a copy of its own.
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
    """Load skops with scikit-learn, and highdicom's tables of all IODs. The processes of the pool share them.

    highdicom reads its tables, 22 MB of JSON that take 54 MiB, when a process makes its first object.
    """
    importlib.import_module("skops.io")
    study, series, instance = (generate_uid() for _ in range(3))
    SOPClass(study, series, 1, instance, SegmentationStorage, 1, "SEG", transfer_syntax_uid=ExplicitVRLittleEndian)


def warm_up(registry: CheckedRegistry) -> None:
    """Load the signature and measure the feature canary, in a process of the pool.

    Not before the fork: ITK's threads must not be there then.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # type: ignore[no-untyped-call]
    registry.measure_here()
    try:
        registry.active()
    except SignatureError as error:
        log.error("signature_unusable", error=str(error))
