"""Loading without looks for reference cycles."""

import gc

import pytest

from listener.runtime.loading import without_collections


def test_collections_resume_afterwards() -> None:
    """Also after an error: a process without them would grow."""
    with without_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), without_collections():
        raise ImportError
    assert gc.isenabled()


def test_what_is_loaded_within_does_not_end_it() -> None:
    """A command that loads its modules so may be one of a group that is loaded so."""
    with without_collections():
        with without_collections():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
