"""The checklist of a model card: an item counts as answered by what was written for it, and by nothing else."""

from dataclasses import fields

from model_store.publication.plan import PublishPlan
from model_store.publication.step import OWNER_TEXTS
from model_store.publication.tripod import ITEMS, NOT_REPORTED, checklist


def test_each_item_that_the_owner_answers_has_a_text_of_its_own():
    """The source of the data does not answer the item on their dates."""
    asked = [where[1:] for _, _, where in ITEMS if where.startswith("=")]
    assert len(asked) == len(set(asked))
    assert set(asked) <= {field.name for field in fields(PublishPlan)}
    assert set(asked) - {"intended_use"} <= set(OWNER_TEXTS), "what is answered is shown"


def test_what_nobody_wrote_is_not_reported():
    """One text answers one item."""
    rows = {number: where for number, _, where in checklist({"data_source": "A"}, validated_on_others=False)}
    assert rows["5a"] == "Data and labels"
    assert {rows[number] for number in ("5b", "6a", "6b", "8a", "8b", "9c")} == {NOT_REPORTED}
