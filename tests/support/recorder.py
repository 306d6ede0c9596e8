"""A receiving PACS that records every object on disk, whichever process is killed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification

from support.processes import free_port


@dataclass
class Recorder:
    """What was received: for each SOP Instance UID the digest of every copy that came."""

    port: int
    ae_title: str = "RECORDER"
    digests: dict[str, list[str]] = field(default_factory=dict)
    studies: dict[str, str] = field(default_factory=dict)
    """Of each SOP Instance UID."""

    @property
    def target(self) -> dict[str, object]:
        """Return this peer as a target in a configuration."""
        return {"name": "pacs", "ae_title": self.ae_title, "host": "127.0.0.1", "port": self.port}

    def unlike(self) -> list[str]:
        """Return the UIDs under which not always the same bytes came."""
        return [uid for uid, seen in self.digests.items() if len(set(seen)) > 1]

    def once(self) -> dict[str, str]:
        """Return the digest of each object."""
        return {uid: seen[0] for uid, seen in self.digests.items()}

    def take(self, event: evt.Event) -> int:
        """Take an object: the answer to its C-STORE."""
        content = event.request.DataSet.getvalue()
        uid = str(event.request.AffectedSOPInstanceUID)
        self.studies[uid] = str(event.dataset.StudyInstanceUID)
        self.digests.setdefault(uid, []).append(hashlib.sha256(content).hexdigest())
        return 0x0000


@contextmanager
def recorder(*sop_classes: str, port: int = 0, host: str = "127.0.0.1") -> Iterator[Recorder]:
    """Run one for the block that takes these SOP classes, or every one where none is given."""
    entity = AE("RECORDER")
    entity.maximum_associations = 50
    entity.add_supported_context(Verification)
    for uid in sop_classes or [context.abstract_syntax or "" for context in AllStoragePresentationContexts]:
        entity.add_supported_context(uid, ALL_TRANSFER_SYNTAXES)
    one = Recorder(port or free_port(), entity.ae_title)
    server = entity.start_server((host, one.port), block=False, evt_handlers=[(evt.EVT_C_STORE, one.take)])
    try:
        yield one
    finally:
        assert server is not None
        server.shutdown()
