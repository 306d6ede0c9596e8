"""Names that tell whether a file is whole: a power cut may keep the name of a file, and not all of its bytes.

Such a name is ``<number>.<bytes>.<sum>.whole``. A sum finds what a power cut leaves: an end that is missing, and
blocks that read as zeros or as something else. It is not for other ends; a CRC would take ten times as long.
"""

from pathlib import Path

import numpy as np

SUFFIX = ".whole"
_BLOCK_BYTES = 1 << 20
_MODULUS = 1 << 64


class Sum:
    """The sum of a stream's little-endian 64-bit words, modulo 2^64; the last one is filled with zeros."""

    def __init__(self) -> None:
        self._sum = 0
        self._rest = b""
        """Up to seven bytes that are no whole word yet."""

    def add(self, content: bytes | memoryview) -> None:
        """Take the next bytes."""
        if self._rest:
            missing = 8 - len(self._rest)
            self._rest += content[:missing]
            if len(self._rest) < 8:
                return
            self._sum += int.from_bytes(self._rest, "little")
            content = content[missing:]
        words = len(content) // 8
        if words:
            self._sum += int(np.add.reduce(np.frombuffer(content, "<u8", words)))
        self._rest = bytes(content[8 * words :])

    @property
    def value(self) -> int:
        """The sum of all bytes so far."""
        return (self._sum + int.from_bytes(self._rest, "little")) % _MODULUS


def whole_name(prefix: str, size: int, value: int) -> str:
    """Return the name of a whole file of ``size`` bytes that add up to ``value``."""
    return f"{prefix}.{size}.{value:016x}{SUFFIX}"


def is_whole(path: Path) -> bool:
    """Tell whether a file has all bytes that its name promises."""
    found, size = Sum(), 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            found.add(block)
            size += len(block)
    return path.name == whole_name(path.name.partition(".")[0], size, found.value)
