"""The names of a case's stages."""

from workers.stages import Stage


def test_people_read_words_and_records_keep_their_keys() -> None:
    """Metrics and `result.json` keep ``roi`` and ``key_image``, so that old records are read; people read words."""
    assert (Stage("roi").shown, Stage("key_image").shown) == ("region of interest", "key image")
    assert not [stage for stage in Stage if "_" in stage.shown or stage.shown == "roi"]
