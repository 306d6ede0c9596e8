"""Made-up cases to write results of: a ball in a small MR series, with any numbers as features."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage, SegmentationStorage

from model_store.signatures.certainty import Certainty, ThresholdInterval
from workers.errors import Reason
from workers.features.measurement import Measurement
from workers.features.regions import Region, RegionMeasurement
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import SourceFrame, Volume
from workers.notes import Note
from workers.results.feature_codes import feature_table
from workers.scoring.case_result import (
    CaseResult,
    Contribution,
    NotRedrawn,
    Rejection,
    Score,
    SignatureIdentity,
    Stability,
)

SHAPE, SPACING_MM = (12, 40, 44), (0.7, 0.8, 1.5)
NOTICE = "RESEARCH - simulated training data - not for clinical use"
SIGNATURE = SignatureIdentity("phantom-hot-cold", "1.2.0", "3f" * 32, "han2024", "Research on simulations.", NOTICE)
FEATURE_NAMES = tuple(
    f"{image}_{feature_class}_{feature}"
    for image in ("original", *(f"log-sigma-{sigma}-0-mm-3D" for sigma in (2, 3, 4, 5)))
    for feature_class, feature in feature_table()
    if image == "original" or feature_class != "shape"
)
CONTRIBUTIONS = (
    Contribution("ring_log-sigma-3-0-mm-3D_glcm_Contrast", 123.456, 0.0712),
    Contribution("tumour_original_glrlm_RunEntropy", 4.1234, 0.0433),
    Contribution("ring_original_firstorder_Skewness", -0.25, -0.0312),
    Contribution("tumour_original_shape_Sphericity", 0.71, 0.021),
    Contribution("ring_original_glcm_MCC", 0.7, 0.0103),
    Contribution("tumour_original_firstorder_Mean", 3.0, 0.0001),
)

HOT_SCORES, COLD_SCORES = (tuple(round(first + 0.03 * step, 2) for step in range(20)) for first in (0.3, 0.05))
CERTAINTY = Certainty(0.9, HOT_SCORES, COLD_SCORES, ThresholdInterval(0.4, 0.45, 5))
"""Hot training cases from 0.30 to 0.87, cold ones from 0.05 to 0.62: of the cases of each class one in ten is further
out than 0.33 or 0.59."""

TOO_LARGE = NotRedrawn("the outline is too large")


@dataclass(frozen=True)
class ResultCase:
    """What `build_results` is given."""

    seg_header: Dataset
    measurement: Measurement
    result: CaseResult

    @property
    def headers(self) -> tuple[Dataset, ...]:
        """The headers of the measured images."""
        return self.measurement.volume.headers


def make_case(
    image_extra: Mapping[str, Any] | None = None,
    seg_extra: Mapping[str, Any] | None = None,
    change_segment: Callable[[Dataset], None] = lambda segment: None,
    enhanced: bool = False,
    hot_probability: float = 0.7312,
    features: Sequence[str] = FEATURE_NAMES,
    certainty: Certainty | None = None,
    stability: Stability | NotRedrawn = TOO_LARGE,
    after_contrast_shown: bool = True,
) -> ResultCase:
    """Return a scored case; ``*_extra`` are attributes that the headers carry beside the bare minimum."""
    headers = _enhanced_header(image_extra or {}) if enhanced else _classic_headers(image_extra or {})
    seg_header = _seg_header(seg_extra or {})
    change_segment(seg_header.SegmentSequence[0])
    measurement = _measurement(headers, seg_header, enhanced, features)
    score = Score(hot_probability, 0.4123, 0.5, CONTRIBUTIONS, certainty, stability, after_contrast_shown)
    notes = (Note("Ring: 12 grey levels; 16 to 128 are advised."),)
    result = CaseResult(score, None, measurement.regions, notes, SIGNATURE)
    return ResultCase(seg_header, measurement, result)


def rejected(reason: Reason, regions: tuple[RegionMeasurement, ...] = (), signed: bool = True) -> CaseResult:
    """Return a result without a score."""
    rejection = Rejection(reason, f"the reason is {reason.value}")
    return CaseResult(None, rejection, regions, signature=SIGNATURE if signed else None)


def _measurement(
    headers: tuple[Dataset, ...], seg_header: Dataset, enhanced: bool, features: Sequence[str]
) -> Measurement:
    z, y, x = (np.indices(SHAPE).T * SPACING_MM[::-1]).T
    distance_mm = np.sqrt((z - 8.0) ** 2 + (y - 15.0) ** 2 + (x - 12.0) ** 2) - 6.0
    tumour, ring = distance_mm <= 0, np.abs(distance_mm) <= 2
    numbers = random.Random(5)
    regions = tuple(
        RegionMeasurement(
            region,
            float(mask.sum() * np.prod(SPACING_MM) / 1000),
            int(mask.sum()),
            41,
            {name: numbers.uniform(-1, 1) * 10 ** numbers.uniform(-9, 12) for name in features},
        )
        for region, mask in ((Region.TUMOUR, tumour), (Region.RING, ring))
    )
    frames = tuple(
        SourceFrame(str(headers[0 if enhanced else index].SOPInstanceUID), 2 * index + 1 if enhanced else None)
        for index in range(SHAPE[0])
    )
    volume = Volume(
        array=np.random.default_rng(3).integers(0, 900, SHAPE).astype(np.uint16),
        origin_mm=(-10.0, -20.0, 30.0),
        spacing_mm=SPACING_MM,
        direction=np.eye(3),
        frames=frames,
        headers=headers,
        frame_of_reference_uid=str(headers[0].FrameOfReferenceUID),
        phase=PhaseIdentity(1, 1, PhaseEvidence.SINGLE),
    )
    return Measurement(volume, tumour, ring, regions, (), seg_header.SegmentSequence[0])


def _base(sop_class: str, number: int) -> Dataset:
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = sop_class, f"1.2.3.{number}"
    header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.3.1000", "1.2.3.1001"
    header.FrameOfReferenceUID = "1.2.3.1002"
    header.PatientID = "P1"
    header.Modality = "MR"
    return header


def _position(index: int) -> list[float]:
    return [-10.0, -20.0, 30.0 + index * SPACING_MM[2]]


def _classic_headers(extra: Mapping[str, Any]) -> tuple[Dataset, ...]:
    headers = []
    for index in range(SHAPE[0]):
        header = _base(MRImageStorage, index + 1)
        header.ImagePositionPatient, header.ImageOrientationPatient = _position(index), [1, 0, 0, 0, 1, 0]
        header.PixelSpacing, header.SliceThickness = [SPACING_MM[1], SPACING_MM[0]], SPACING_MM[2]
        for keyword, value in extra.items():
            setattr(header, keyword, value)
        headers.append(header)
    return tuple(headers)


def _enhanced_header(extra: Mapping[str, Any]) -> tuple[Dataset, ...]:
    """Return one object whose frames alternate between two phases: the measured ones are 1, 3, 5 ..."""
    header = _base(EnhancedMRImageStorage, 1)
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [SPACING_MM[1], SPACING_MM[0]], SPACING_MM[2]
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    header.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for frame in range(2 * SHAPE[0]):
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = _position(frame // 2)
        group.PlanePositionSequence = [position]
        groups.append(group)
    header.PerFrameFunctionalGroupsSequence = groups
    for keyword, value in extra.items():
        setattr(header, keyword, value)
    return (header,)


def _seg_header(extra: Mapping[str, Any]) -> Dataset:
    header = _base(SegmentationStorage, 500)
    header.SeriesInstanceUID, header.Modality = "1.2.3.1003", "SEG"
    header.ContentDate, header.ContentTime = "20240301", "101500"
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 1, "Lesion", "MANUAL"
    segment.SegmentedPropertyCategoryCodeSequence = [_code("49755003", "Morphologically Abnormal Structure")]
    segment.SegmentedPropertyTypeCodeSequence = [_code("86049000", "Malignant neoplasm, primary")]
    header.SegmentSequence = [segment]
    for keyword, value in extra.items():
        setattr(header, keyword, value)
    return header


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    code = Code(value, "SCT", meaning)
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item
