"""Mutations without a fuzzer: the same ones in every run."""

import random
from collections.abc import Iterator, Sequence

INTERESTING = (
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\x80",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\xdd\xe0",
    b"SQ",
    b"-1",
)


def mutations(seeds: Sequence[bytes], number: int, seed: int = 1) -> Iterator[bytes]:
    """Yield the seeds, then ``number`` broken versions of them."""
    rng = random.Random(seed)
    yield from seeds
    for _ in range(number):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 6)):
            _mutate(content, rng)
        yield bytes(content)


def _mutate(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(min(len(content), 4000) + 1)  # heads are where structure is
    match rng.randrange(5):
        case 0:
            content[at : at + 1] = bytes([rng.randrange(256)])
        case 1:
            piece = rng.choice(INTERESTING)
            content[at : at + len(piece)] = piece
        case 2:
            del content[at : at + rng.randrange(1, 50)]
        case 3:
            content[at:at] = content[at : at + rng.randrange(1, 200)]
        case 4:
            del content[max(at, 1) :]
