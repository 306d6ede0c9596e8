"""Which cases both engines measure."""

from workers.features.engine.choice import Engine, EngineChoice, engine_for

UIDS = [f"1.2.826.0.1.{number}" for number in range(5000)]


def test_one_outline_in_fifty_is_checked_and_always_the_same_ones() -> None:
    """A retry of a case chooses as the first attempt did."""
    chosen = [engine_for(uid, Engine.RADTME, 50) for uid in UIDS]
    assert 70 <= sum(choice.is_checked for choice in chosen) <= 130
    assert chosen == [engine_for(uid, Engine.RADTME, 50) for uid in UIDS]


def test_none_or_all_are_checked_where_the_site_says_so() -> None:
    """0 switches the check off; 1 checks every case."""
    assert not any(engine_for(uid, Engine.RADTME, 0).is_checked for uid in UIDS)
    assert all(engine_for(uid, Engine.RADTME, 1).is_checked for uid in UIDS)


def test_pyradiomics_is_never_checked() -> None:
    """It is configured where the other engine is not trusted: a difference must not end the scoring."""
    assert {engine_for(uid, Engine.PYRADIOMICS, 1) for uid in UIDS} == {EngineChoice(Engine.PYRADIOMICS)}
