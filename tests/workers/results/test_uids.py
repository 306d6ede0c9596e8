"""UIDs of results."""

import uuid

import pytest

from workers.features.regions import Region
from workers.results.result_roles import ResultRole
from workers.results.uids import ResultUids, derived_uid

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
