"""A sender that writes down what was acknowledged, and sends the rest again as scanners do."""

import socket
import time
from collections.abc import Iterable
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage
from pynetdicom import AE, evt


def without_nagle(event: evt.Event) -> None:
    """Switch Nagle's algorithm off on an association's socket; a handler of EVT_CONN_OPEN."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def store_until_gone(port: int, paths: Iterable[Path], acknowledged: list[Path]) -> None:
    """Send files over one association, and write down which got 0x0000; goes on until the peer is gone."""
    entity = AE("MODALITY")
    entity.dimse_timeout = entity.network_timeout = entity.acse_timeout = entity.connection_timeout = 10
    entity.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    entity.add_requested_context(SegmentationStorage, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_CONN_OPEN, without_nagle)]
    association = entity.associate("127.0.0.1", port, ae_title="RADTME", evt_handlers=handlers)
    try:
        for path in paths:
            if association.send_c_store(dcmread(path)).get("Status") != 0x0000:
                return
            acknowledged.append(path)
        association.release()
    except RuntimeError:  # the association is gone
        return
    finally:
        association.abort()


def store_all(port: int, paths: Iterable[Path], acknowledged: list[Path], seconds: float = 120.0) -> None:
    """Send files, again where they were not acknowledged, until all of them are."""
    end = time.monotonic() + seconds
    while left := [path for path in paths if path not in set(acknowledged)]:
        assert time.monotonic() < end, f"{len(left)} objects were not taken within {seconds:g} s"
        store_until_gone(port, left, acknowledged)
        time.sleep(0.05)
