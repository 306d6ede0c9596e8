"""NumPy files inside an archive that someone else may have made."""

import math
import zipfile
from collections.abc import Callable
from typing import IO, Any

import numpy as np

_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def check_arrays(archive: zipfile.ZipFile) -> None:
    """Compare what each array says of its size with the size of its file, before anything is allocated for it.

    After this a `MemoryError` while the archive is read is the machine's, and says nothing about the archive.

    Raises:
        ValueError: an array says that it is larger than its file, or its file has no header that we write.
    """
    for item in archive.infolist():
        if not item.filename.endswith(".npy"):
            continue
        with archive.open(item) as file:
            read_header = _HEADERS.get(np.lib.format.read_magic(file))
            if read_header is None:
                raise ValueError(f"{item.filename} is of an unknown version of NumPy's format")
            shape, _, kind = read_header(file)
        if math.prod(shape) * kind.itemsize > item.file_size:
            raise ValueError(f"{item.filename} says that it is larger than it is")
