"""The short way to the UIDs of an object gives what pydicom gives, or leaves the object to it."""

import random
from collections.abc import Collection
from pathlib import Path

import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from listener.dicom import data_set
from listener.dicom.data_set import Identity, UnreadableDataSet, read_identity
from listener.dicom.plain_head import NotPlain
from support.dicom_objects import data_set_bytes, file_bytes, image, outline, transcoded


def refuse(head: bytes, *, is_implicit: bool, wanted: Collection[int], last: int) -> dict[int, bytes]:
    """Treat no header as plain."""
    raise NotPlain


def answer(content: bytes, transfer_syntax: UID) -> Identity | str | None:
    """Return the identity, or why there is none."""
    try:
        return read_identity(content, transfer_syntax)
    except UnreadableDataSet as error:
        return str(error)


@pytest.mark.parametrize("transfer_syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_both_ways_agree(transfer_syntax: UID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an image and an outline, whole, cut anywhere, and with bytes changed at random."""
    chance = random.Random(3)
    heads = []
    for one in (image(1), outline()):
        path = tmp_path / "plain.dcm"
        path.write_bytes(file_bytes(one))
        good = data_set_bytes(transcoded(path, transfer_syntax, tmp_path / "other.dcm"))[:2000]
        heads += [good, *(good[: chance.randrange(len(good))] for _ in range(100))]
        for _ in range(500):
            changed = bytearray(good[:600])
            for _ in range(chance.randrange(1, 6)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            heads.append(bytes(changed))
    short = [answer(head, transfer_syntax) for head in heads]
    monkeypatch.setattr(data_set, "plain_values", refuse)
    assert short == [answer(head, transfer_syntax) for head in heads]
    assert any(isinstance(one, Identity) for one in short)
