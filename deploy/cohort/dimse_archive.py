"""An archive that speaks DIMSE: C-FIND, and C-GET or C-MOVE (PS3.4 annex C), over TLS where it wants that."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from deploy.cohort.archives import MODALITIES, Busy, QueryFailed, Unanswered, is_uid, store
from deploy.errors import Unreachable
from listener.dicom.sop_classes import STORAGE_CLASSES
from listener.dicom.uids import InvalidUid
from listener.scu.association import AssociationRejected, application_entity, request_association
from listener.settings import ClientTls, ServerTls
from listener.tls.certificates import CredentialFileError
from listener.tls.contexts import server_context
from model_store.cohort.pacs_source import PacsSource, RetrieveMethod

SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
PENDING = (0xFF00, 0xFF01)
BUSY = range(0xA700, 0xA800)
"""Out of resources (PS3.4 C.4.1.1.4, C.4.2.1.5): the archive has too much to do."""
TIMEOUT_SECONDS, RESPONSE_TIMEOUT_SECONDS = 30.0, 600.0
CHECK = "check extract.pacs in the configuration"


class DimseArchive:
    """Requests an association for each question; `receiving` runs the Storage SCP that C-MOVE needs."""

    def __init__(self, source: PacsSource) -> None:
        self._source = source
        self._tls = ClientTls(**vars(source.tls)) if source.tls else None
        self._live: set[Association] = set()

    def studies(self, keyword: str, value: str) -> list[str]:
        """Return the studies that have this value (`Archive.studies`)."""
        found = self._find(_identifier("STUDY", StudyInstanceUID="", **{keyword: value}))
        studies = {str(one.get("StudyInstanceUID") or "") for one in found if str(one.get(keyword) or "") == value}
        return sorted(study for study in studies if is_uid(study))

    def series(self, study: str) -> list[str]:
        """Return the series of a study that are asked for (`Archive.series`)."""
        found = self._find(_identifier("SERIES", StudyInstanceUID=study, SeriesInstanceUID="", Modality=""))
        return [str(one.SeriesInstanceUID) for one in found if one.get("Modality") in MODALITIES]

    def fetch(self, study: str, series: str, folder: Path) -> bool:
        """Fetch a series (`Archive.fetch`)."""
        asked = _identifier("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
        if self._source.method is RetrieveMethod.GET:
            model = StudyRootQueryRetrieveInformationModelGet
            with self._associated(model, [(evt.EVT_C_STORE, _store, [folder])]) as association:
                statuses = [status for status, _ in association.send_c_get(asked, model)]
        else:
            model = StudyRootQueryRetrieveInformationModelMove
            with self._associated(model) as association:
                statuses = [status for status, _ in association.send_c_move(asked, self._source.our_ae_title, model)]
        return _ended_well(statuses)

    def stop(self) -> None:
        """Abort the associations."""
        for association in tuple(self._live):
            association.abort()

    @contextmanager
    def receiving(self, folder: Path) -> Iterator[None]:
        """Run the Storage SCP that C-MOVE sends to, where studies are retrieved by C-MOVE.

        Raises
        ------
        Unreachable
            Its port is taken, or its certificate cannot be used.
        """
        source = self._source
        if source.method is not RetrieveMethod.MOVE:
            yield
            return
        entity = _entity(source.our_ae_title)
        entity.require_called_aet = True
        entity.maximum_associations = 10 * source.parallel
        for sop_class in STORAGE_CLASSES:
            entity.add_supported_context(sop_class, AllTransferSyntaxes)
        try:
            server = entity.start_server(
                (source.listen_host, source.listen_port),
                block=False,
                evt_handlers=[(evt.EVT_C_STORE, _store, [folder])],
                ssl_context=server_context(_server_tls(source)) if source.listen_tls else None,
            )
        except CredentialFileError as error:
            raise Unreachable(f"extract.pacs.tls: {error}", CHECK) from error
        except OSError as error:
            raise Unreachable(
                f"cannot listen on {source.listen_host}:{source.listen_port}: {error.strerror}",
                "set extract.pacs.listen_port to a free port, and configure it in the PACS",
            ) from error
        try:
            yield
        finally:
            if server is not None:
                server.shutdown()
                server.server_close()

    def _find(self, asked: Dataset) -> list[Dataset]:
        model = StudyRootQueryRetrieveInformationModelFind
        with self._associated(model) as association:
            answers = list(association.send_c_find(asked, model))
        if not _ended_well([status for status, _ in answers]):
            raise QueryFailed
        return [answer for status, answer in answers if status.get("Status") in PENDING and answer is not None]

    @contextmanager
    def _associated(self, model: str, handlers: Sequence[tuple[object, ...]] = ()) -> Iterator[Association]:
        source, stored = self._source, STORAGE_CLASSES if handlers else ()
        try:
            association = request_association(
                _entity(source.our_ae_title),
                source.host,
                source.port,
                source.ae_title,
                [build_context(model), *(build_context(sop_class, [*AllTransferSyntaxes]) for sop_class in stored)],
                tls=self._tls,
                roles=[build_role(sop_class, scp_role=True) for sop_class in stored],
                handlers=handlers,  # type: ignore[arg-type]
            )
        except AssociationRejected as rejection:
            if not rejection.is_permanent:
                raise Busy(f"rejected the association: {rejection}") from rejection
            advice = f"{CHECK}, and that the PACS knows our AE title {source.our_ae_title}"
            raise Unreachable(f"{source.name} rejected the association: {rejection}", advice) from rejection
        except CredentialFileError as error:
            raise Unreachable(f"extract.pacs.tls: {error}", CHECK) from error
        except OSError as error:
            raise Unanswered("cannot be found: its host name is not known") from error
        if not association.is_established:
            raise Unanswered("does not answer an association request" + (" over TLS" if self._tls else ""))
        self._live.add(association)
        try:
            yield association
        finally:
            self._live.discard(association)
            association.release()


def _ended_well(statuses: Sequence[Dataset]) -> bool:
    """Return whether the last status is success; `Busy` where the archive has too much to do, or broke off."""
    last = statuses[-1].get("Status") if statuses else None
    if last is None:
        raise Busy("ended the association before its answer")
    if last in BUSY:
        raise Busy(f"has too much to do (status 0x{last:04X})")
    return bool(last == SUCCESS)


def _server_tls(source: PacsSource) -> ServerTls:
    tls = source.tls
    assert tls is not None  # noqa: S101
    assert tls.certificate is not None  # noqa: S101
    assert tls.key is not None  # noqa: S101
    return ServerTls(tls.certificate, tls.key, tls.key_password_file, tls.ca)


def _identifier(level: str, **keys: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def _entity(ae_title: str) -> AE:
    return application_entity(ae_title, TIMEOUT_SECONDS, RESPONSE_TIMEOUT_SECONDS)


def _store(event: evt.Event, folder: Path) -> int:
    """Store received objects unchanged, under their checked UIDs."""
    try:
        study = str(event.dataset.get("StudyInstanceUID") or "")
        uid = getattr(event.request, "AffectedSOPInstanceUID", "")
        store(folder, study, uid, event.encoded_dataset(include_meta=True))
    except OSError:
        return OUT_OF_RESOURCES
    except (InvalidUid, AttributeError, ValueError, KeyError):
        return CANNOT_UNDERSTAND
    return SUCCESS
