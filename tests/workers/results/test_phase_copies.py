"""A segmentation whose frames are repeated on every phase of the measured series."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite

from support.result_cases import FEATURE_NAMES, SHAPE, ResultCase, make_case
from workers.jobs.result_objects import build_results
from workers.results.result_roles import ResultRole
from workers.texts.wording import ENGLISH

ON_ALL = replace(ENGLISH, segmentation_on_all_phases=True)


def series_of(case: ResultCase, phases: int) -> list[Dataset]:
    """Return the headers of a series: the measured ones, and further phases at the same positions."""
    headers = list(case.headers)
    for phase in range(1, phases):
        for header in case.headers:
            other = deepcopy(header)
            other.SOPInstanceUID = f"{header.SOPInstanceUID}.{phase}"
            headers.append(other)
    return headers


def test_every_phase_shows_the_same_regions(tmp_path: object) -> None:
    """Three phases: three times the frames, each copy on the image of its phase at the same position."""
    case = make_case(features=FEATURE_NAMES[:3])
    once = build_results(case.result, case.seg_header, case.measurement)[ResultRole.SEGMENTATION]
    results = build_results(
        case.result, case.seg_header, case.measurement, wording=ON_ALL, series_headers=series_of(case, 3)
    )
    found = results[ResultRole.SEGMENTATION]
    path = f"{tmp_path}/seg.dcm"
    dcmwrite(path, found, enforce_file_format=True)
    read, count = dcmread(path), int(once.NumberOfFrames)
    assert int(read.NumberOfFrames) == len(read.PerFrameFunctionalGroupsSequence) == 3 * count
    for phase in range(3):
        frames = read.pixel_array[phase * count : (phase + 1) * count]
        assert np.array_equal(frames, once.pixel_array)
    for number, group in enumerate(read.PerFrameFunctionalGroupsSequence):
        source = str(group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        first = read.PerFrameFunctionalGroupsSequence[number % count]
        own = str(first.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        assert source == (own if number < count else f"{own}.{number // count}")
        assert (
            group.PlanePositionSequence[0].ImagePositionPatient == first.PlanePositionSequence[0].ImagePositionPatient
        )
    assert len(read.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 3 * SHAPE[0]


def test_it_is_another_object_and_only_where_there_are_phases() -> None:
    """Off by default; a series of one phase gives the usual segmentation; UIDs tell the two apart."""
    case = make_case(features=FEATURE_NAMES[:3])
    arguments = (case.result, case.seg_header, case.measurement)
    default = build_results(*arguments, series_headers=series_of(case, 3))
    single = build_results(*arguments, wording=ON_ALL, series_headers=series_of(case, 1))
    repeated = build_results(*arguments, wording=ON_ALL, series_headers=series_of(case, 3))
    seg = ResultRole.SEGMENTATION
    assert default[seg].to_json() == build_results(*arguments)[seg].to_json() == single[seg].to_json()
    for role in ResultRole:
        assert repeated[role].SOPInstanceUID != default[role].SOPInstanceUID


def test_images_elsewhere_are_no_phase() -> None:
    """Another position, another series, and an image without a position."""
    case = make_case(features=FEATURE_NAMES[:3])
    headers = series_of(case, 2)
    for header in headers[SHAPE[0] :]:
        header.ImagePositionPatient = [0.0, 0.0, 500.0]
    headers[-1].SeriesInstanceUID = "1.2.3.4"
    del headers[-2].ImagePositionPatient
    built = build_results(case.result, case.seg_header, case.measurement, wording=ON_ALL, series_headers=headers)
    once = build_results(case.result, case.seg_header, case.measurement)
    assert built[ResultRole.SEGMENTATION].NumberOfFrames == once[ResultRole.SEGMENTATION].NumberOfFrames
