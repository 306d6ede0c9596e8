"""NumPy arrays in a zip archive: equal arrays give equal bytes, and sizes are checked before memory is allocated."""

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 64 * 1024**2
"""Of the unpacked arrays: probes and training ranges are far smaller."""
_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def check_arrays(archive: zipfile.ZipFile) -> None:
    """Compare what each array says of its size with the size of its file, before anything is allocated for it.

    After this, a `MemoryError` means that the machine lacks memory, not that the archive is damaged.

    Raises
    ------
    ValueError
        An array says that it is larger than its file, or its file has no header that we write.
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
            raise ValueError(f"{item.filename} declares a larger size than it has")


def to_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the arrays as an npz file; the same arrays give the same bytes.

    Not compressed: what DEFLATE writes differs from one zlib to the next.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), content.getvalue())
    return buffer.getvalue()


def from_npz(content: bytes) -> dict[str, NDArray[Any]]:
    """Read the arrays back.

    Raises
    ------
        One of `model_store.errors.UNREADABLE_ARCHIVE`: this is no such file, or it unpacks to more than ``MAX_BYTES``.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(item.file_size for item in archive.infolist()) > MAX_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_BYTES // 1024**2} MiB")
        check_arrays(archive)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
