"""A small Storage SCP that stands in for a PACS: it writes what it gets to a folder, one file per instance."""

from pathlib import Path

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from deploy.configuration import SinkSettings
from listener.spool import InvalidUid, checked_uid, write_bytes

SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
"""C-STORE statuses (PS3.4 table B.2-1)."""


class Sink:
    """The server. Its folder then holds ``<SOP Instance UID>.dcm``; a second copy replaces the first."""

    def __init__(self, settings: SinkSettings) -> None:
        self._settings = settings
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The port that it listens on, also where the settings say 0."""
        return int(self._server.server_address[1]) if self._server else self._settings.port

    def start(self) -> None:
        """Listen from now on, in threads."""
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        entity = AE(self._settings.ae_title)
        entity.maximum_pdu_size = 131072
        entity.add_supported_context(Verification)
        for context in AllStoragePresentationContexts:
            if context.abstract_syntax is not None:
                entity.add_supported_context(context.abstract_syntax, AllTransferSyntaxes)
        address = (self._settings.host, self._settings.port)
        self._server = entity.start_server(address, block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])

    def stop(self) -> None:
        """End the server and the associations that are open."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _store(self, event: evt.Event) -> int:
        try:
            uid = checked_uid(getattr(event.request, "AffectedSOPInstanceUID", ""))
        except InvalidUid:
            return CANNOT_UNDERSTAND
        try:
            write_bytes(self._settings.folder / f"{uid}.dcm", event.encoded_dataset(include_meta=True))
        except OSError:
            return OUT_OF_RESOURCES
        return SUCCESS


def instances_in(folder: Path) -> list[Path]:
    """Return the instances that a sink wrote to ``folder``."""
    return sorted(path for path in folder.glob("*.dcm") if not path.name.startswith("."))
