"""What an Enhanced MR object says of its technique: shared by all frames, or frame by frame."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from workers.acceptance import DEFAULT
from workers.images.functional_groups import value_of
from workers.images.technique import derivation, other_technique, technique_objections


def header(image_type: Sequence[str]) -> Dataset:
    """Return a header with this Image Type."""
    dataset = Dataset()
    dataset.SeriesInstanceUID = "1.2.3"
    dataset.ImageType = list(image_type)
    return dataset


def code(value: str, scheme: str) -> list[Dataset]:
    """Return the only item of a sequence of codes."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "meaning"
    return [item]


def test_what_frames_share_counts_too() -> None:
    """An Enhanced MR object says it in its shared functional groups."""
    echo, frame_type, shared = Dataset(), Dataset(), Dataset()
    echo.EchoPlanarPulseSequence = "YES"
    frame_type.FrameType = ["DERIVED", "PRIMARY", "NONE", "SUBTRACTION"]
    shared.MRModifierSequence, shared.MRImageFrameTypeSequence = [echo], [frame_type]
    dataset = header(["ORIGINAL", "PRIMARY", "OTHER"])
    dataset.SharedFunctionalGroupsSequence = [shared]
    assert other_technique(dataset) == "echo planar"
    assert "subtraction" in derivation(dataset)


def enhanced(folder: Path, shared: dict[str, dict[str, Any]], own: Sequence[dict[str, dict[str, Any]]]) -> Dataset:
    """Write and read an Enhanced MR header with these functional groups, so that its elements are raw."""
    dataset = header(["ORIGINAL", "PRIMARY", "MIXED", "NONE"])

    def groups(content: dict[str, dict[str, Any]]) -> Dataset:
        item = Dataset()
        for sequence, attributes in content.items():
            macro = Dataset()
            for keyword, value in attributes.items():
                setattr(macro, keyword, value)
            setattr(item, sequence, [macro])
        return item

    dataset.SharedFunctionalGroupsSequence = [groups(shared)]
    dataset.PerFrameFunctionalGroupsSequence = [groups(content) for content in own]
    dataset.save_as(folder / "enhanced", implicit_vr=True, little_endian=True)
    return dcmread(folder / "enhanced", force=True)


def test_what_frames_do_not_share_is_read_from_each(tmp_path: Path) -> None:
    """Philips writes echo time and frame type frame by frame; a subtraction may lie beside its sources."""
    dataset = enhanced(
        tmp_path,
        {"MRTimingAndRelatedParametersSequence": {"RepetitionTime": "4.6"}},
        [
            {
                "MREchoSequence": {"EffectiveEchoTime": echo},
                "MRImageFrameTypeSequence": {"FrameType": [kind, "PRIMARY", "VOLUME", word]},
                "MRDiffusionSequence": {"DiffusionBValue": 0.0},
            }
            for echo, kind, word in (
                (2.3, "ORIGINAL", "NONE"),
                (90.0, "ORIGINAL", "NONE"),
                (2.3, "DERIVED", "SUBTRACTION"),
            )
        ],
    )
    assert DEFAULT.judge(technique_objections(dataset, 1)) == ()
    assert other_technique(dataset, 2) == "echo time 90 ms"
    assert "SUBTRACTION" in derivation(dataset, 3)
    assert value_of(dataset, "RepetitionTime", 1) == "4.6"


@pytest.mark.parametrize("where", ["shared", "own"])
def test_a_computation_of_an_enhanced_image_counts(tmp_path: Path, where: str) -> None:
    """Codes and units, shared or of the frame."""
    for groups, words in (
        ({"DerivationImageSequence": {"DerivationCodeSequence": code("113062", "DCM")}}, "subtraction"),
        ({"RealWorldValueMappingSequence": {"MeasurementUnitsCodeSequence": code("um2/s", "UCUM")}}, "um2/s"),
        ({"PixelValueTransformationSequence": {"RescaleType": "ms"}}, "ms"),
    ):
        dataset = enhanced(tmp_path, groups if where == "shared" else {}, [groups if where == "own" else {}])
        assert words in derivation(dataset, 1)


@pytest.mark.parametrize("where", ["shared", "own"])
def test_a_b_value_of_an_enhanced_image_is_diffusion(tmp_path: Path, where: str) -> None:
    """Shared or of the frame."""
    groups = {"MRDiffusionSequence": {"DiffusionBValue": 800.0}}
    dataset = enhanced(tmp_path, groups if where == "shared" else {}, [groups if where == "own" else {}])
    assert "b-value" in other_technique(dataset, 1)
