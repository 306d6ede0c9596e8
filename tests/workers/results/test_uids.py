"""UIDs of results."""

import uuid
from dataclasses import replace

import pytest

from support.result_cases import make_case
from workers.features.engine.choice import Engine
from workers.features.regions import Region
from workers.jobs.result_objects import build_results
from workers.results.result_roles import ResultRole
from workers.results.uids import ResultUids, derived_uid
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
    ResultRole.SEGMENTATION: "2.25.167698234280773466809178066693616591510",
    ResultRole.KEY_IMAGE: "2.25.13434409752724879552327625481575466744",
    ResultRole.FEATURE_REPORT: "2.25.151135411533173494822411916545405784167",
    ResultRole.SUMMARY_REPORT: "2.25.99048089767175342914230684804656238091",
}
"""Of the same case. Segmentation and feature report: as radtme wrote them before engine and words became part
of the UIDs. Key image, and the summary report that refers to it: since the colours of the key image changed."""


def test_results_with_default_settings_keep_the_uids_of_the_release() -> None:
    """A hospital that changes nothing gets no second object for an old case."""
    case = make_case(features=["original_firstorder_Mean"])
    results = build_results(case.result, case.seg_header, case.measurement)
    assert {role: str(instance.SOPInstanceUID) for role, instance in results.items()} == RELEASED
