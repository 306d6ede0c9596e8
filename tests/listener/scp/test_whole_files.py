"""Names that say whether a file is whole."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from listener.scp.whole_files import Sum, is_whole, whole_name


def name_of(content: bytes, pieces: int = 1) -> str:
    """Return the name that a file with this content gets when it comes in so many pieces."""
    found, chance = Sum(), random.Random(pieces)
    cuts = sorted([0, *(chance.randint(0, len(content)) for _ in range(pieces - 1)), len(content)])
    for start, end in pairwise(cuts):
        found.add(memoryview(content)[start:end])
    return whole_name("1", len(content), found.value)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 5000, 2_100_003])
def test_the_name_depends_on_the_bytes_and_not_on_their_pieces(size: int, tmp_path: Path) -> None:
    """A sender cuts an object as it likes; the file is read in other blocks."""
    content = random.Random(size).randbytes(size)
    assert {name_of(content, pieces) for pieces in (1, 2, 5, 40)} == {name_of(content)}
    path = tmp_path / name_of(content)
    path.write_bytes(content)
    assert is_whole(path)


@pytest.mark.parametrize("damage", ["short", "zeros", "empty", "long"])
def test_a_torn_file_is_not_whole(damage: str, tmp_path: Path) -> None:
    """What a power cut leaves: an end that is missing, a block of zeros, no bytes at all; or more than there were."""
    content = random.Random(1).randbytes(20_000)
    torn = {
        "short": content[:-1],
        "zeros": content[:4096] + bytes(4096) + content[8192:],
        "empty": b"",
        "long": content + b"\0",
    }
    path = tmp_path / name_of(content)
    path.write_bytes(torn[damage])
    assert not is_whole(path)
