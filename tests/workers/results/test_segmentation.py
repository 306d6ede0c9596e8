"""The segmentation of tumour and ring, read back by another reader."""

from dataclasses import replace
from io import BytesIO

import highdicom
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from support.result_cases import SHAPE, SPACING_MM, ResultCase, make_case
from workers.jobs.result_objects import build_results
from workers.results.result_roles import ResultRole


def written(case: ResultCase) -> Dataset:
    """Return the segmentation of a case as it is read from a file."""
    built = build_results(case.result, case.seg_header, case.measurement)[ResultRole.SEGMENTATION]
    buffer = BytesIO()
    dcmwrite(buffer, built, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue()))


def voxels(seg: Dataset, number: int) -> NDArray[np.bool_]:
    """Return a segment on the grid of the images, by the positions of the frames alone."""
    volume = np.zeros(SHAPE, dtype=bool)
    for group, plane in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
            z = (group.PlanePositionSequence[0].ImagePositionPatient[2] - 30.0) / SPACING_MM[2]
            assert abs(z - round(z)) < 1e-6
            volume[round(z)] = plane
    return volume


@pytest.mark.parametrize("enhanced", [False, True], ids=["classic", "enhanced"])
def test_the_voxels_are_those_that_were_measured(enhanced: bool) -> None:
    """Voxel by voxel, with overlap, on the source grid."""
    case = make_case(enhanced=enhanced)
    seg = written(case)
    np.testing.assert_array_equal(voxels(seg, 1), case.measurement.tumour)
    np.testing.assert_array_equal(voxels(seg, 2), case.measurement.ring)
    assert (case.measurement.tumour & case.measurement.ring).any()


def test_an_independent_reader_sees_the_same_voxels() -> None:
    """Highdicom's reader finds both segments on the slices that they refer to."""
    case = make_case()
    buffer = BytesIO()
    objects = build_results(case.result, case.seg_header, case.measurement)
    dcmwrite(buffer, objects[ResultRole.SEGMENTATION], enforce_file_format=True)
    buffer.seek(0)
    seg = highdicom.seg.segread(buffer)
    instances = [str(header.SOPInstanceUID) for header in case.headers]
    masks = seg.get_pixels_by_source_instance(
        instances, ignore_spatial_locations=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(masks[..., 0] > 0, case.measurement.tumour)
    np.testing.assert_array_equal(masks[..., 1] > 0, case.measurement.ring)


def test_it_is_of_the_kind_that_every_viewer_draws() -> None:
    """BINARY, uncompressed, without empty frames, one referenced series."""
    case = make_case()
    seg = written(case)
    assert seg.SegmentationType == "BINARY"
    assert seg.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert all(plane.any() for plane in seg.pixel_array)
    assert [item.SeriesInstanceUID for item in seg.ReferencedSeriesSequence] == ["1.2.3.1001"]
    assert len(seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == SHAPE[0]
    assert seg.FrameOfReferenceUID == "1.2.3.1002"
    assert seg.SegmentsOverlap == "YES"


@pytest.mark.parametrize("enhanced", [False, True], ids=["classic", "enhanced"])
def test_every_reference_is_to_a_received_image(enhanced: bool) -> None:
    """Also in the Source Image Sequence of the whole object, once for each instance that a segment is on."""
    case = make_case(enhanced=enhanced)
    seg = written(case)
    received = {str(header.SOPInstanceUID) for header in case.headers}
    named = [str(item.ReferencedSOPInstanceUID) for item in seg.SourceImageSequence]
    assert len(set(named)) == len(named)
    per_frame = {
        str(group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        for group in seg.PerFrameFunctionalGroupsSequence
    }
    assert per_frame == set(named) <= received


def test_every_frame_names_its_slice() -> None:
    """The source instance lies where the frame lies."""
    case = make_case()
    positions = {header.SOPInstanceUID: header.ImagePositionPatient for header in case.headers}
    for group in written(case).PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert positions[source.ReferencedSOPInstanceUID] == group.PlanePositionSequence[0].ImagePositionPatient
        assert "ReferencedFrameNumber" not in source


def test_every_frame_names_its_frame_of_an_enhanced_object() -> None:
    """One instance, several phases: only the frame number tells."""
    case = make_case(enhanced=True)
    groups = case.headers[0].PerFrameFunctionalGroupsSequence
    for group in written(case).PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.4.1"
        assert source.ReferencedFrameNumber % 2 == 1, "frames of the other phase are even"
        there = groups[source.ReferencedFrameNumber - 1].PlanePositionSequence[0].ImagePositionPatient
        assert there == group.PlanePositionSequence[0].ImagePositionPatient


def test_the_tumour_stays_what_it_was() -> None:
    """Type, label and tracking of the received segment are kept; the ring is ours."""

    def tracked(segment: Dataset) -> None:
        segment.TrackingID, segment.TrackingUID = "Lesion 7", "1.2.840.7"
        segment.SegmentAlgorithmType, segment.SegmentAlgorithmName = "SEMIAUTOMATIC", "region growing"

    tumour, ring = written(make_case(change_segment=tracked)).SegmentSequence
    assert tumour.SegmentedPropertyTypeCodeSequence[0].CodeValue == "86049000"
    assert (tumour.SegmentLabel, tumour.SegmentAlgorithmType) == ("Lesion", "SEMIAUTOMATIC")
    assert (tumour.TrackingID, tumour.TrackingUID) == ("Lesion 7", "1.2.840.7")
    assert (ring.SegmentLabel, ring.SegmentAlgorithmType) == ("Peritumoural ring 4 mm", "AUTOMATIC")
    assert ring.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "radtme peritumoural ring"
    assert ring.TrackingUID != tumour.TrackingUID


def test_the_colours_differ() -> None:
    """CIE 1976 colour difference far above what can be confused (2.3 is just noticeable)."""
    lab = []
    for segment in written(make_case()).SegmentSequence:
        lightness, a, b = (value / 65535 for value in segment.RecommendedDisplayCIELabValue)
        lab.append(np.array([100 * lightness, 255 * a - 128, 255 * b - 128]))
    assert np.linalg.norm(lab[0] - lab[1]) > 50


def test_texts_of_the_tumour_pass_whatever_their_character_set() -> None:
    """The outline is in Latin-1, the results are in UTF-8: nested texts are decoded, not copied as bytes."""

    def described(segment: Dataset) -> None:
        segment.SegmentLabel = "Tumör"
        segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning = "bösartig"
        region, modifier = Dataset(), Dataset()
        region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "76752008", "SCT", "Brüst"
        modifier.CodeValue, modifier.CodingSchemeDesignator, modifier.CodeMeaning = "7771000", "SCT", "Länks"
        region.AnatomicRegionModifierSequence = [modifier]
        segment.AnatomicRegionSequence = [region]

    made = make_case(seg_extra={"SpecificCharacterSet": "ISO_IR 100"}, change_segment=described)
    buffer = BytesIO()
    made.seg_header.file_meta = FileMetaDataset()
    made.seg_header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.seg_header.save_as(buffer, enforce_file_format=True)
    header = dcmread(BytesIO(buffer.getvalue()))
    measurement = replace(made.measurement, tumour_segment=header.SegmentSequence[0])
    case = replace(made, seg_header=header, measurement=measurement)
    for segment in written(case).SegmentSequence:
        assert segment.AnatomicRegionSequence[0].CodeMeaning == "Brüst"
        assert segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0].CodeMeaning == "Länks"
    tumour = written(case).SegmentSequence[0]
    assert (tumour.SegmentLabel, tumour.SegmentedPropertyTypeCodeSequence[0].CodeMeaning) == ("Tumör", "bösartig")


@pytest.mark.parametrize("thickness", ["2.5 mm", "2,5", "-2.5", "NaN", ""])
def test_a_slice_thickness_that_is_no_positive_number_is_the_distance(thickness: str) -> None:
    """Slice Thickness may be empty (Type 2), and scanners write texts into it: no case fails for it."""
    case = make_case()
    for header in case.headers:
        header.add_new("SliceThickness", "LO", thickness)
    measures = written(case).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.SliceThickness == SPACING_MM[2]
