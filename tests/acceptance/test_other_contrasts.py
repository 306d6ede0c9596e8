"""A T2-weighted series and a diffusion map by their grey values, too: phantoms whose tissues have another contrast.

`test_contradicted_cases` changes the headers of T1-weighted images; here the images have the contrast of the technique.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydicom import dcmread

from deploy.simulation import phantom as simulation
from deploy.simulation.anatomy import (
    BONE,
    FAT,
    GLAND,
    LUNG,
    MUSCLE,
    SKIN,
    VESSEL,
    Anatomy,
    Tissue,
    grow_breast,
)
from deploy.simulation.phantom import Phantom, write_phantom
from model_store.signatures.acceptance import Criterion
from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import shipped_bundle
from workers.errors import Reason
from workers.jobs.case import CaseInputs, examine
from workers.scoring.case_result import CaseResult, Doubt, Phenotype
from workers.stages import untimed

pytestmark = pytest.mark.acceptance

MEASURED_WITH = "1.4.0"
"""The version of the shipped signature that the scores are of."""
REMEASURE = "The shipped signature is another one: measure the scores of this module anew, then set MEASURED_WITH."


@dataclass(frozen=True)
class Contrast:
    """The signal of each tissue by another technique, and what its images say."""

    name: str
    signals: Mapping[Tissue, float]
    tumour: float
    words: Mapping[str, object]
    scores: Mapping[int, float]
    """By the seed of the phantom, with the shipped signature, where nothing refuses it."""


SATURATED = {LUNG: 20.0, FAT: 50.0, GLAND: 260.0, MUSCLE: 60.0, BONE: 90.0, SKIN: 90.0, VESSEL: 15.0}
DIFFUSIVITY = {LUNG: 5.0, FAT: 20.0, GLAND: 300.0, MUSCLE: 190.0, BONE: 15.0, SKIN: 120.0, VESSEL: 250.0}
T2 = {"ScanningSequence": "SE", "SequenceVariant": "SK", "EchoTime": "90", "SeriesDescription": "Sag T2 TSE"}
ADC = {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"], "ScanningSequence": "EP", "SeriesDescription": "ADC"}
CONTRASTS = (
    Contrast("T2", {**SATURATED, FAT: 230.0}, 190.0, T2, {5: 0.894, 6: 0.690}),
    Contrast("T2 with fat saturation", SATURATED, 230.0, T2, {6: 0.984, 7: 0.916}),
    Contrast("ADC map", DIFFUSIVITY, 150.0, ADC, {6: 0.749, 7: 0.695}),
)
CASES = [(contrast, seed) for contrast in CONTRASTS for seed in contrast.scores]
NO_WORDS = (
    "ScanningSequence", "SequenceVariant", "EchoTime", "RepetitionTime", "SeriesDescription", "StudyDescription",
    "BodyPartExamined", "ContrastBolusAgent",
)  # fmt: skip
"""Attributes that are deleted to leave the grey values alone."""


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].name}, phantom {case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[Contrast, int]:
    """Return a technique and the seed of a phantom."""
    found: tuple[Contrast, int] = request.param
    return found


@pytest.fixture
def phantom(case: tuple[Contrast, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Phantom:
    """Write that phantom: one series, in which the tumour takes up no agent."""
    contrast, seed = case

    def grow(*arguments: object) -> Anatomy:
        anatomy = grow_breast(*arguments)  # type: ignore[arg-type]
        return replace(
            anatomy, shares=tuple((Tissue(contrast.signals[one], 0.0), share) for one, share in anatomy.shares)
        )

    monkeypatch.setattr(simulation, "grow_breast", grow)
    monkeypatch.setattr(simulation, "TUMOUR", Tissue(contrast.tumour, 0.0))
    immune = "inflamed" if seed % 2 else "desert"
    grid = {"slices": 48, "rows": 144, "columns": 144, "spacing_mm": (2.0, 1.1, 1.1)}
    return write_phantom(tmp_path, seed, immune=immune, phases=1, **grid)


def examined(phantom: Phantom, noted: frozenset[Criterion] = frozenset()) -> CaseResult:
    """Examine the phantom as a worker does, with the shipped signature."""
    inputs = CaseInputs(phantom.seg_path, tuple(phantom.image_paths[0]), None, criteria_as_notes=noted)
    return examine(inputs, load_bundle(shipped_bundle()), untimed).result


def with_headers(phantom: Phantom, words: Mapping[str, object], removed: tuple[str, ...] = ()) -> Phantom:
    """Rewrite the images with other headers."""
    for path in phantom.image_paths[0]:
        image = dcmread(path)
        for keyword in removed:
            if keyword in image:
                delattr(image, keyword)
        for keyword, value in words.items():
            setattr(image, keyword, value)
        image.save_as(path)
    return phantom


def test_what_its_headers_call_another_technique_is_refused(case: tuple[Contrast, int], phantom: Phantom) -> None:
    """Before: a class, with at most a note, and mostly hot. With all criteria set to note it is still that number."""
    contrast, seed = case
    with_headers(phantom, contrast.words)
    rejection = examined(phantom).rejection
    assert rejection is not None
    assert rejection.reason is Reason.OTHER_TECHNIQUE
    noted = examined(phantom, frozenset(Criterion))
    assert noted.score is not None
    assert "Other technique" in [note.short() for note in noted.warnings]
    assert load_bundle(shipped_bundle()).version == MEASURED_WITH, REMEASURE
    assert noted.score.hot_probability == pytest.approx(contrast.scores[seed], abs=6e-4)


def test_without_a_word_in_the_headers_it_gets_no_class(phantom: Phantom) -> None:
    """Refused where grey levels or features are unlike the training cases, else uncertain: its phase is not known.

    The doubt is not of the contrast of its tissues: any single series without these headers gets it.
    """
    result = examined(with_headers(phantom, {}, NO_WORDS))
    if result.rejection is not None:
        assert result.rejection.reason in {
            Reason.TOO_FEW_GREY_LEVELS, Reason.FEATURES_OUT_OF_RANGE, Reason.UNLIKE_TRAINING,
        }  # fmt: skip
    else:
        assert result.score is not None
        assert result.score.phenotype is Phenotype.UNCERTAIN
        assert Doubt.CONTRAST_PHASE in result.score.doubts
