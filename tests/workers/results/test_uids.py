"""UIDs of results."""

import csv
import hashlib
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset

from support.result_cases import CERTAINTY, ResultCase, make_case
from workers.features.engine.choice import Engine
from workers.features.regions import Region
from workers.jobs.result_objects import build_results
from workers.results.common_modules import software_version
from workers.results.result_roles import ResultRole
from workers.results.uids import ResultUids, derived_uid
from workers.scoring.case_result import Stability
from workers.texts.wording import ENGLISH, Language, Wording

UIDS = ResultUids.of("1.2.3", ["1.5", "1.4"], "ab", 1)


def test_a_derived_uid_has_the_form_of_a_uuid() -> None:
    """PS3.5 B.2: 2.25 and the integer of a valid UUID, at most 64 characters."""
    uid = derived_uid("a", "b")
    assert uid.startswith("2.25.")
    assert len(uid) <= 64
    value = uuid.UUID(int=int(uid[5:]))
    assert value.variant == uuid.RFC_4122


def test_parts_do_not_run_into_each_other() -> None:
    """Two different lists of inputs never give the same UID by concatenation."""
    assert derived_uid("ab", "c") != derived_uid("a", "bc")


def test_the_order_of_the_images_does_not_matter() -> None:
    """Files come in any order; the result is the same object."""
    assert ResultUids.of("1.2.3", ["1.4", "1.5"], "ab", 1).instance(ResultRole.SUMMARY_REPORT) == UIDS.instance(
        ResultRole.SUMMARY_REPORT
    )


@pytest.mark.parametrize(
    "other",
    [
        ResultUids.of("1.2.4", ["1.5", "1.4"], "ab", 1),
        ResultUids.of("1.2.3", ["1.5"], "ab", 1),
        ResultUids.of("1.2.3", ["1.5", "1.4"], "ac", 1),
        ResultUids.of("1.2.3", ["1.5", "1.4"], "ab", 2),
    ],
    ids=["outline", "images", "signature", "version"],
)
def test_any_other_input_gives_other_objects(other: ResultUids) -> None:
    """A result is never overwritten by one that was made of something else."""
    for role in ResultRole:
        assert other.instance(role) != UIDS.instance(role)
        assert other.series(role) != UIDS.series(role)


def test_every_role_has_its_own_instance_and_series() -> None:
    """Viewers show one object per series."""
    uids = [*map(UIDS.instance, ResultRole), *map(UIDS.series, ResultRole)]
    assert len(set(uids)) == 2 * len(ResultRole)


def test_a_region_keeps_its_tracking_uid() -> None:
    """The same tumour in a second version, under another signature, is the same tumour."""
    other = ResultUids.of("1.2.3", ["1.5"], "ff", 7)
    assert other.tracking(Region.TUMOUR) == UIDS.tracking(Region.TUMOUR) != UIDS.tracking(Region.RING)


WORDINGS = (
    ENGLISH,
    Wording(language=Language.GERMAN),
    Wording(hot="inflamed"),
    Wording(series_name="AI"),
    Wording(segmentation_name="AI regions"),
    Wording(first_series_number=500),
)


def test_a_uid_follows_the_content() -> None:
    """Whatever a site sets: equal UIDs have equal contents, and an object without a change keeps its UID."""
    case = make_case(features=["original_firstorder_Mean"])
    seen: dict[str, str] = {}
    for wording in WORDINGS:
        for engine in Engine:
            measurement = replace(case.measurement, engine=engine.description)
            results = build_results(case.result, case.seg_header, measurement, wording=wording)
            for role, instance in results.items():
                content = instance.to_json()
                assert seen.setdefault(str(instance.SOPInstanceUID), content) == content, (role, wording, engine)
    assert len(set(seen.values())) == len(seen)
    # The segmentation follows its name and number only; the key image follows each wording, and no engine.
    assert len(seen) == 3 + len(WORDINGS) + 4 * len(Engine) + len(WORDINGS) * len(Engine)


RELEASED = {
    ResultRole.SEGMENTATION: "2.25.102364915627886729587845980576148990092",
    ResultRole.KEY_IMAGE: "2.25.13434409752724879552327625481575466744",
    ResultRole.FEATURE_REPORT: "2.25.20172989803904049322286110060995010904",
    ResultRole.SUMMARY_REPORT: "2.25.42532041273033339214600038337513394384",
}
"""Of the same case. Key image: since its colours changed. Segmentation, and the reports that refer to it: since its
Source Image Sequence names the received images."""


def test_results_with_default_settings_keep_the_uids_of_the_release() -> None:
    """A hospital that changes nothing gets no second object for an old case."""
    case = make_case(features=["original_firstorder_Mean"])
    results = build_results(case.result, case.seg_header, case.measurement)
    assert {role: str(instance.SOPInstanceUID) for role, instance in results.items()} == RELEASED


def variants() -> dict[str, ResultCase]:
    """Return cases whose headers differ, and with them the content of some results."""
    few = ["original_firstorder_Mean"]
    negative = make_case({"SliceThickness": "-1.5"}, features=few)
    return {
        "bare": make_case(features=few),
        "enhanced": make_case(enhanced=True, features=few),
        "left breast": make_case({"BodyPartExamined": "BREAST", "Laterality": "L"}, features=few),
        "series": make_case({"SeriesNumber": "4", "SeriesDescription": "DCE", "SliceThickness": "1.5"}, features=few),
        "negative thickness": negative,
        "certain": make_case(certainty=CERTAINTY, stability=Stability(0.6, 0.8, 10, 10), features=few),
        "odd name": make_case({"PatientSex": "female", "AccessionNumber": "A1"}, features=few),
    }


def test_an_object_whose_content_changes_gets_another_uid() -> None:
    """An archive keeps the first object of a UID: a later version of radtme never gives one UID another content.

    If this fails, the content of a result has changed since ``released_contents.csv`` was written: step
    `CONTENT_REVISIONS` for its role and those that refer to it, or let what is read otherwise enter `ContentVariant`.
    Then write the new UIDs and digests into the table. The key image is compared without its pixels, which depend on
    the versions of numeric libraries.
    """
    rows = list(csv.DictReader((Path(__file__).parent / "released_contents.csv").read_text().splitlines()))
    known = {(row["case"], row["role"]): (row["uid"], row["digest"]) for row in rows}
    found = {}
    for name, case in variants().items():
        for wording in (ENGLISH, Wording(Language.GERMAN)):
            for role, instance in build_results(
                case.result, case.seg_header, case.measurement, wording=wording
            ).items():
                found[f"{name}, {wording.language}", role.value] = (
                    str(instance.SOPInstanceUID),
                    content_digest(instance),
                )
    changed = {key for key, value in found.items() if known.get(key, value)[0] == value[0] and known[key] != value}
    assert not changed
    assert found == known, "\n".join(f'"{case}",{role},{uid},{digest}' for (case, role), (uid, digest) in found.items())


def content_digest(instance: Dataset) -> str:
    """Return a digest of what an object says, whatever version of radtme wrote it."""
    copied = Dataset()
    copied.update({one.tag: one for one in instance if one.keyword != "PixelData" or instance.Modality == "SEG"})
    return hashlib.sha256(copied.to_json().replace(software_version(), "").encode()).hexdigest()[:16]
