"""Images outside the acceptance contract, made from real ones: earlier versions scored them, this one refuses.

Each manipulation is tried with the contract, which refuses it, and with all criteria set to note, which gives the score
that it would have: 0.768 and 0.933 are those of the untouched phantom and of br06.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import highdicom
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes

from model_store.signatures.acceptance import Criterion
from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import shipped_bundle
from model_store.signatures.signature import Signature
from workers.errors import Reason
from workers.jobs.case import Case, CaseInputs, examine
from workers.scoring.case_result import Doubt, Phenotype
from workers.stages import untimed

pytestmark = pytest.mark.acceptance

MEASURED_WITH = "1.4.0"
"""The version of the shipped signature that the scores are of."""
REMEASURE = "The shipped signature is another one: measure the scores of this module anew, then set MEASURED_WITH."
Pixels = NDArray[np.float64]


@dataclass
class Study:
    """The images of a study by phase, and its outline."""

    phases: list[list[Dataset]]
    seg: Dataset


Trick = Callable[[Study], None]


def every_image(**attributes: object) -> Trick:
    """Return a manipulation of headers alone."""

    def change(study: Study) -> None:
        for image in (image for phase in study.phases for image in phase):
            for keyword, value in attributes.items():
                setattr(image, keyword, value)

    return change


def every_pixel(change: Callable[[Pixels], Pixels]) -> Trick:
    """Return a manipulation of grey values alone; each phase is an array (z, y, x) of its own."""

    def changed(study: Study) -> None:
        for phase in study.phases:
            write_pixels(phase, change(np.stack([image.pixel_array for image in phase]).astype(np.float64)))

    return changed


def write_pixels(phase: Sequence[Dataset], array: Pixels) -> None:
    """Write grey values as 16-bit integers."""
    stored = np.clip(np.round(array), -32768, 32767).astype(np.int16)
    for image, plane in zip(phase, stored, strict=True):
        image.PixelData = plane.tobytes()
        image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 15, 1


def noise(array: Pixels) -> Pixels:
    """Return Gaussian noise of the same mean and spread: it has negative values, as a subtraction has."""
    return np.random.default_rng(20).normal(array.mean(), array.std(), array.shape)


def noise_above_zero(array: Pixels) -> Pixels:
    """Return the same noise without negative values."""
    found = noise(array)
    return found - found.min()


def inverted(array: Pixels) -> Pixels:
    """Return the inverted grey values."""
    return 4095 - np.minimum(array, 4095)


def cubed(array: Pixels) -> Pixels:
    """Return grey values with a cubic transformation."""
    return np.asarray((array / array.max()) ** 3 * 4095)


def logarithm(array: Pixels) -> Pixels:
    """Return grey values as a display shows them that widens the dark ones."""
    return np.log1p(array) * 500


def saturated(array: Pixels) -> Pixels:
    """Return grey values whose brightest hundredth is at the end of the range."""
    return np.minimum(array, np.percentile(array, 99))


def windowed(array: Pixels) -> Pixels:
    """Return grey values as a display window shows them that is nearly as wide as the range."""
    lowest, highest = np.percentile(array, [1, 99.9])
    return np.asarray(np.clip((array - lowest) / (highest - lowest), 0, 1) * 255)


def eight_bits(study: Study) -> None:
    """Store each phase in 8 bits, scaled to its own range, as a program for presentations does."""
    for phase in study.phases:
        array = np.stack([image.pixel_array for image in phase]).astype(np.float64)
        stored = np.clip(array / np.percentile(array, 99.5) * 255, 0, 255).astype(np.uint8)
        for image, plane in zip(phase, stored, strict=True):
            image.PixelData = plane.tobytes()
            image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0


def without_agent(study: Study) -> None:
    """Make every phase a repetition of the first: the contrast agent never came."""
    noise = np.random.default_rng(1)
    first = np.stack([image.pixel_array for image in study.phases[0]]).astype(np.float64)
    for phase in study.phases:
        write_pixels(phase, np.maximum(first + noise.normal(0, 4, first.shape), 0))


def called_after_contrast(study: Study) -> None:
    """Move the outline to the first phase, whose labels say that it is after contrast."""
    outlined_before_contrast(study)
    every_image(SeriesDescription="T1 3D dyn post contrast, phase 2", ContrastBolusAgent="Gadobutrol")(study)


def private_b_value(study: Study) -> None:
    """Leave the b-value of a diffusion-weighted image in its vendor's attribute, and no word of the technique."""
    for image in (image for phase in study.phases for image in phase):
        for keyword in ("ScanningSequence", "SequenceName", "SeriesDescription", "ProtocolName", "EchoTime"):
            image.pop(keyword, None)
        image.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "800")


def moved(rows: int, columns: int) -> Trick:
    """Return the manipulation that moves the outline by so many pixels."""

    def change(study: Study) -> None:
        frames = np.roll(study.seg.pixel_array.astype(bool), (rows, columns), axis=(1, 2))
        study.seg.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()

    return change


def subtraction(study: Study) -> None:
    """Leave nothing but the difference of the outlined phase to the first, with the words of a scanner."""
    wordless_subtraction(study)
    for image in study.phases[0]:
        image.ImageType = ["DERIVED", "PRIMARY", "M", "ND", "SUB"]


def wordless_subtraction(study: Study) -> None:
    """Leave nothing but that difference, under the headers of the original images."""
    before, after = (np.stack([image.pixel_array for image in phase]).astype(np.float64) for phase in study.phases[:2])
    write_pixels(study.phases[1], after - before)
    study.phases = [study.phases[1]]


def cut_subtraction(study: Study) -> None:
    """Leave nothing but that difference, where the tissue does not get darker; else 0."""
    before, after = (np.stack([image.pixel_array for image in phase]).astype(np.float64) for phase in study.phases[:2])
    write_pixels(study.phases[1], np.maximum(after - before, 0))
    study.phases = [study.phases[1]]


def outlined_before_contrast(study: Study) -> None:
    """Move the outline from the second phase to the first."""
    moved = dict(zip(*([str(image.SOPInstanceUID) for image in phase] for phase in study.phases[1::-1]), strict=True))

    def move(dataset: Dataset) -> None:
        for element in dataset:
            if element.VR == "SQ":
                for item in element.value:
                    move(item)
            elif element.keyword == "ReferencedSOPInstanceUID":
                element.value = moved.get(str(element.value), element.value)

    move(study.seg)


def mixed_up(slices: slice) -> Trick:
    """Return the manipulation that exchanges slices of the outlined phase and of the first one.

    One slice made a score of 0.272 of the phantom's, and 0.899 of br06's.
    """

    def change(study: Study) -> None:
        for before, after in list(zip(*study.phases[:2], strict=True))[slices]:
            before.PixelData, after.PixelData = after.PixelData, before.PixelData

    return change


def repeated(study: Study) -> None:
    """Let a slice of the first phase stand in the outlined one, too."""
    study.phases[1][15].PixelData = study.phases[0][15].PixelData


def only(phase: int) -> Trick:
    """Return the manipulation that sends one phase alone, with the outline on it and no mention of a contrast agent."""

    def change(study: Study) -> None:
        if phase == 0:
            outlined_before_contrast(study)
        study.phases = [study.phases[phase]]
        every_image(ContrastBolusAgent="")(study)

    return change


def read_study(images: Sequence[Path], seg: Path, phases: int) -> Study:
    """Return the images by phase: of one series, phase after phase, each in the order of instance numbers."""
    found = sorted(map(dcmread, images), key=lambda image: int(image.InstanceNumber))
    slices = len(found) // phases
    return Study([found[at * slices : (at + 1) * slices] for at in range(phases)], dcmread(seg))


def brain_study(shared_data: Path) -> Study:
    """Return a GE functional series of a brain, with a ball as the outline on its fourth phase."""
    images = [dcmread(path) for path in sorted((shared_data / "ge_multiphase" / "2_fMRI_Multiphase_Des").iterdir())]
    by_phase: dict[int, list[Dataset]] = {}
    for image in images:
        by_phase.setdefault(int(image.TemporalPositionIdentifier), []).append(image)
    phases = [
        sorted(by_phase[number], key=lambda image: float(image.ImagePositionPatient[2])) for number in sorted(by_phase)
    ]
    source = phases[3]
    z, y, x = np.indices((len(source), source[0].Rows, source[0].Columns))
    centre = (len(source) // 2, source[0].Rows // 2, source[0].Columns // 2)
    ball = ((z - centre[0]) ** 2 + ((y - centre[1]) / 3) ** 2 + ((x - centre[2]) / 3) ** 2) <= 9
    algorithm = highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
    seg = highdicom.seg.Segmentation(
        source_images=source,
        pixel_array=ball.astype(np.uint8),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            highdicom.seg.SegmentDescription(
                1, "Tumour", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm, algorithm
            )
        ],
        series_instance_uid=highdicom.UID(),
        series_number=90,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="Test",
        manufacturer_model_name="Test",
        software_versions="1",
        device_serial_number="1",
    )
    return Study(phases, seg)


@dataclass(frozen=True)
class Contradicted:
    """A case that must not be scored."""

    name: str
    study: str
    trick: Trick
    score: float | None
    """By the shipped signature where nothing refuses it; None where the ring is too small for any."""
    reasons: tuple[Reason, ...]
    """One of these refuses it."""


UNLIKE = (Reason.FEATURES_OUT_OF_RANGE, Reason.UNLIKE_TRAINING)
T2 = every_image(ScanningSequence="SE", SequenceVariant="SK", EchoTime="90", SeriesDescription="Ax T2 TSE")
ADC = every_image(ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"], SeriesDescription="ADC")
PROSTATE = every_image(BodyPartExamined="PROSTATE", StudyDescription="MR Prostate", SeriesDescription="t1 vibe dyn")
BRAIN = every_image(StudyDescription="MRT Schaedel mit KM", SeriesDescription="t1_mprage_gd", BodyPartExamined="")
CASES = (
    Contradicted("before contrast", "phantom", outlined_before_contrast, 0.982, (Reason.BEFORE_CONTRAST,)),
    Contradicted("before contrast", "br06", outlined_before_contrast, 0.942, (Reason.BEFORE_CONTRAST,)),
    Contradicted("subtraction", "phantom", subtraction, 0.331, (Reason.DERIVED_IMAGES,)),
    Contradicted("subtraction", "br06", subtraction, 0.825, (Reason.DERIVED_IMAGES,)),
    Contradicted("subtraction without words", "phantom", wordless_subtraction, 0.331, (Reason.DERIVED_IMAGES,)),
    Contradicted("subtraction without words", "br06", wordless_subtraction, 0.825, (Reason.DERIVED_IMAGES,)),
    Contradicted("subtraction cut at 0", "phantom", cut_subtraction, 0.756, (Reason.DERIVED_IMAGES,)),
    Contradicted("subtraction cut at 0", "br06", cut_subtraction, 0.896, (Reason.DERIVED_IMAGES,)),
    Contradicted("ADC map", "br06", ADC, 0.933, (Reason.OTHER_TECHNIQUE,)),
    Contradicted("T2 spin echo", "br06", T2, 0.933, (Reason.OTHER_TECHNIQUE,)),
    Contradicted("prostate", "br06", PROSTATE, 0.933, (Reason.OTHER_BODY_PART,)),
    Contradicted("brain fMRI", "brain", lambda study: None, 0.499, (Reason.OTHER_TECHNIQUE,)),
    Contradicted("Gaussian noise", "phantom", every_pixel(noise), 0.821, (Reason.DERIVED_IMAGES,)),
    Contradicted("Gaussian noise", "br06", every_pixel(noise), 0.783, (Reason.DERIVED_IMAGES,)),
    Contradicted("Gaussian noise above 0", "phantom", every_pixel(noise_above_zero), 0.821, UNLIKE),
    Contradicted("Gaussian noise above 0", "br06", every_pixel(noise_above_zero), 0.789, UNLIKE),
    Contradicted("cubed grey values", "br06", every_pixel(cubed), None, (*UNLIKE, Reason.RING_TOO_SMALL)),
    Contradicted("diffusion, private b-value", "phantom", private_b_value, 0.768, (Reason.OTHER_TECHNIQUE,)),
    Contradicted(
        "fat image", "phantom", every_image(SeriesDescription="FAT: Ax LAVA"), 0.768, (Reason.OTHER_TECHNIQUE,)
    ),
    Contradicted("a slice of another phase", "phantom", mixed_up(slice(15, 16)), None, (Reason.UNKNOWN_PHASE,)),
    Contradicted("a slice of another phase", "br06", mixed_up(slice(20, 21)), None, (Reason.UNKNOWN_PHASE,)),
    Contradicted("slices of another phase", "phantom", mixed_up(slice(15)), None, (Reason.UNKNOWN_PHASE,)),
    Contradicted("a slice of the first phase again", "phantom", repeated, None, (Reason.UNKNOWN_PHASE,)),
    Contradicted("brain after contrast", "phantom", BRAIN, 0.768, (Reason.OTHER_BODY_PART,)),
    Contradicted("labels say after contrast", "phantom", called_after_contrast, 0.982, (Reason.BEFORE_CONTRAST,)),
    Contradicted("pixels of 3 mm", "phantom", every_image(PixelSpacing=[3, 3]), None, (Reason.OTHER_SPACING,)),
    Contradicted("logarithm", "phantom", every_pixel(logarithm), None, UNLIKE),
    Contradicted("saturated", "phantom", every_pixel(saturated), None, (*UNLIKE, Reason.INVALID_PIXELS)),
    Contradicted("display window", "phantom", every_pixel(windowed), 0.929, (Reason.DERIVED_IMAGES,)),
    Contradicted("display window", "br06", every_pixel(windowed), 0.962, (Reason.DERIVED_IMAGES,)),
    Contradicted("8 bits", "phantom", eight_bits, None, (Reason.DERIVED_IMAGES,)),
    Contradicted("inverted grey values", "phantom", every_pixel(inverted), 0.852, (Reason.DERIVED_IMAGES,)),
    Contradicted("inverted grey values", "br06", every_pixel(inverted), 0.696, (Reason.DERIVED_IMAGES,)),
)


@pytest.fixture(scope="module")
def signature() -> Signature:
    """Return the shipped signature."""
    return load_bundle(shipped_bundle())


@pytest.fixture
def study_of(shared_data: Path, br06: Path) -> Callable[[str], Study]:
    """Return a study by its name, to be changed."""
    phantom = shared_data / "field_cases" / "00_reference_phantom"
    return {
        "phantom": lambda: read_study(sorted((phantom / "images").iterdir()), phantom / "seg.dcm", 3),
        "br06": lambda: read_study(sorted((br06 / "dce").iterdir()), br06 / "tumour_seg" / "seg.dcm", 3),
        "brain": lambda: brain_study(shared_data),
    }.__getitem__


def examined(study: Study, folder: Path, signature: Signature, noted: frozenset[Criterion]) -> Case:
    """Write a study and examine it as a worker does."""
    paths = []
    for image in (image for phase in study.phases for image in phase):
        paths.append(folder / f"{image.SOPInstanceUID}.dcm")
        image.save_as(paths[-1])
    study.seg.save_as(folder / "seg.dcm")
    inputs = CaseInputs(folder / "seg.dcm", tuple(paths), None, criteria_as_notes=noted)
    return examine(inputs, signature, untimed)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}, {case.study}")
def test_what_contradicts_the_contract_gets_no_verdict(
    case: Contradicted, study_of: Callable[[str], Callable[[], Study]], signature: Signature, tmp_path: Path
) -> None:
    """Refused with its reason; with all criteria set to note, scored, with a warning."""
    study = study_of(case.study)()
    case.trick(study)
    result = examined(study, tmp_path, signature, frozenset()).result
    assert result.rejection is not None
    assert result.rejection.reason in case.reasons, result.rejection.message
    if case.score is None:
        return
    noted = examined(study, tmp_path, signature, frozenset(Criterion)).result
    assert noted.score is not None
    assert noted.warnings
    assert signature.version == MEASURED_WITH, REMEASURE
    assert noted.score.hot_probability == pytest.approx(case.score, abs=6e-4)


@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize("name", ["phantom", "br06"])
def test_a_single_series_of_unknown_phase_gets_no_class(
    name: str, phase: int, study_of: Callable[[str], Callable[[], Study]], signature: Signature, tmp_path: Path
) -> None:
    """Before contrast it looks like after contrast to the forest: uncertain, unless the site vouches for the phase."""
    study = study_of(name)()
    only(phase)(study)
    result = examined(study, tmp_path, signature, frozenset()).result
    assert result.score is None or Doubt.CONTRAST_PHASE in result.score.doubts
    vouched = examined(study, tmp_path, signature, frozenset({Criterion.CONTRAST_PHASE})).result
    assert vouched.score is None or Doubt.CONTRAST_PHASE not in vouched.score.doubts
    if phase == 1:
        assert result.score is not None
        assert "Contrast phase not known" in [note.short() for note in result.warnings]
        assert "Contrast phase not known" in [note.short() for note in vouched.warnings]


@pytest.mark.parametrize(
    "trick",
    [without_agent, moved(0, 25), moved(0, 15), moved(20, 0), moved(-20, 0), moved(0, -40)],
    ids=["no contrast agent", "25 columns", "15 columns", "20 rows", "-20 rows", "in air"],
)
def test_what_does_not_enhance_gets_no_class(
    trick: Trick, study_of: Callable[[str], Callable[[], Study]], signature: Signature, tmp_path: Path
) -> None:
    """Refused by its features, or uncertain: before, the outline moved by 25 columns was 0.925 and certainly hot."""
    study = study_of("phantom")()
    trick(study)
    result = examined(study, tmp_path, signature, frozenset()).result
    if result.score is None:
        assert result.rejection is not None
        assert result.rejection.reason in (*UNLIKE, Reason.TOO_FEW_GREY_LEVELS)
    else:
        assert Doubt.CONTRAST_PHASE in result.score.doubts
        assert result.score.phenotype is Phenotype.UNCERTAIN
