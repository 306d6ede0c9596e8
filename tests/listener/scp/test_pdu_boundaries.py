"""However a sender cuts its objects into PDUs, and the network cuts these, the bytes are kept as they were sent."""

import random
from pathlib import Path

import pytest
from pydicom.uid import MRImageStorage

from listener.scp.connection import BUFFER_BYTES
from support.dicom_objects import IMAGES, STUDY, data_set_bytes, file_bytes, image, image_uid
from support.hostile_peers import HONEST, MR_CONTEXT, RELEASE, data_pdus, store_request
from support.listening import RawPeer, listening


@pytest.mark.parametrize("step", [600, 9_999, 131_060])
def test_objects_larger_than_the_buffer_are_kept_as_they_were_sent(step: int, tmp_path: Path) -> None:
    """Fragments wait in the buffer to be written together: none may be overwritten by those that follow."""
    chance = random.Random(step)
    sent = {}
    for number in (1, 2, 3):
        one = image(number)
        one.PixelData = chance.randbytes(2 * BUFFER_BYTES + 2 * number)
        path = tmp_path / "sent.dcm"
        path.write_bytes(file_bytes(one))
        sent[image_uid(number)] = data_set_bytes(path)
    with listening(tmp_path / "spool") as listener, RawPeer(listener.port, timeout=60) as sender:
        assert sender.associate(HONEST) == 2
        for uid, data_set in sent.items():
            stream = store_request(uid, str(MRImageStorage)) + data_pdus(MR_CONTEXT, data_set, step)
            while stream:
                length = chance.choice([1, 7, 5_000, 200_000, len(stream)])
                sender.socket.sendall(stream[:length])
                stream = stream[length:]
            kind, body = sender.read_pdu()
            assert (kind, b"\x00\x00\x00\x09\x02\x00\x00\x00\x00\x00" in body) == (4, True)
        sender.socket.sendall(RELEASE)
        for uid, data_set in sent.items():
            assert data_set_bytes(listener.spool.instance_path(STUDY, IMAGES, uid)) == data_set
