"""Archives of arrays in a bundle: no memory is taken by what a header says."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_store.errors import SignatureError
from model_store.signatures import training_ranges
from model_store.signatures.canary import from_npz
from model_store.signatures.estimator import from_skops

READERS: dict[str, Callable[[bytes], object]] = {
    "canary.npz": from_npz,
    "reference.npz": training_ranges.from_npz,
    "estimator.skops": from_skops,
}
LENGTHS = (2**48, 2**62)
"""More elements than a machine has memory for, and more than an address has bits for."""


def with_long_array(content: bytes, number: int, length: int) -> bytes:
    """Return an archive whose array of this number, by name, says that it has so many elements more."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        arrays = sorted(name for name in old.namelist() if name.endswith(".npy"))
        for name in old.namelist():
            data = old.read(name)
            if name == arrays[number]:
                header = io.BytesIO()
                described = {"descr": "<f8", "fortran_order": False, "shape": (length,)}
                np.lib.format.write_array_header_1_0(header, described)
                data = header.getvalue() + data[-64:]
            new.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("length", LENGTHS)
def test_array_that_says_it_is_larger_than_its_file_is_refused(bundle: Path, length: int) -> None:
    """Nothing is allocated by what a header says."""
    for name, read in READERS.items():
        content = (bundle / name).read_bytes()
        for number in (0, -1):
            with pytest.raises(SignatureError, match=name):
                read(with_long_array(content, number, length))


def test_machine_without_memory_is_not_the_bundles_fault(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intact signature is not reported as unreadable where memory was short: the error is a temporary one."""

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("numpy.load", fail)
    for name, read in READERS.items():
        with pytest.raises(MemoryError):
            read((bundle / name).read_bytes())
