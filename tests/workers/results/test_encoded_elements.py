"""Encoded elements, as pydicom decodes them."""

from pydicom import Dataset

from workers.results.encoded_elements import reference, references_by_series, with_encoded
from workers.results.encoding import encoded
from workers.results.instance_reference import InstanceReference


def test_a_reference_is_that_of_the_data_set() -> None:
    """Also of a UID with an odd number of characters."""
    for uid in ("1.2.3", "1.2.34"):
        one = InstanceReference("1.1", "1.2", "1.2.840.10008.5.1.4.1.1.4", uid)
        assert reference(one) == encoded(one.item())


def test_references_are_gathered_by_study_and_series() -> None:
    """PS3.3 table C.17-3."""
    items = references_by_series(
        [
            InstanceReference("1", "1.1", "9", "1.1.1"),
            InstanceReference("1", "1.2", "9", "1.2.1"),
            InstanceReference("1", "1.1", "9", "1.1.2"),
        ]
    )
    keyword = "CurrentRequestedProcedureEvidenceSequence"
    studies = with_encoded(Dataset(), {keyword: items})[keyword].value
    assert [item.StudyInstanceUID for item in studies] == ["1"]
    series = {s.SeriesInstanceUID: s.ReferencedSOPSequence for s in studies[0].ReferencedSeriesSequence}
    assert [i.ReferencedSOPInstanceUID for i in series["1.1"]] == ["1.1.1", "1.1.2"]
