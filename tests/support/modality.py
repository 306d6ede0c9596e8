"""A sender that records what was acknowledged and sends the rest again, as scanners do."""

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


def store_until_gone(port: int, paths: Iterable[Path], acknowledged: list[Path], host: str = "127.0.0.1") -> int | None:
    """Send files until the peer is gone, and write down which got 0x0000; return the status that ended it, if one did.

    An object without a response is sent again on a new association: pynetdicom's own reactor can swallow one.
    """
    entity = AE("MODALITY")
    entity.dimse_timeout = entity.network_timeout = entity.acse_timeout = entity.connection_timeout = 10
    entity.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    entity.add_requested_context(SegmentationStorage, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_CONN_OPEN, without_nagle)]
    waiting = iter(paths)
    path = next(waiting, None)
    while path is not None:
        association = entity.associate(host, port, ae_title="RADTME", evt_handlers=handlers)
        if not association.is_established:
            return None
        try:
            while path is not None:
                status = association.send_c_store(dcmread(path)).get("Status")
                if status is None:
                    break
                if status != 0x0000:
                    return int(status)
                acknowledged.append(path)
                path = next(waiting, None)
            else:
                association.release()
        except RuntimeError:  # the association is gone
            pass
        finally:
            association.abort()
    return None


def store_all(
    port: int, paths: Iterable[Path], acknowledged: list[Path], seconds: float = 300.0, host: str = "127.0.0.1"
) -> None:
    """Send files, again where they were not acknowledged, until all of them are."""
    end = time.monotonic() + seconds
    while left := [path for path in paths if path not in set(acknowledged)]:
        assert time.monotonic() < end, f"{len(left)} objects were not taken within {seconds:g} s"
        store_until_gone(port, left, acknowledged, host)
        time.sleep(0.05)
