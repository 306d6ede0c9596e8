"""Retrieves a cohort from a PACS: a list of studies, by their UIDs or accession numbers (PS3.4 annex C)."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from rich.console import Console

from deploy.errors import CommandError, Unreachable, WrongUsage
from deploy.terminal import stepping
from listener.dicom.sop_classes import STORAGE_CLASSES
from listener.dicom.uids import InvalidUid, checked_uid
from listener.scu.association import AssociationRejected, application_entity, request_association
from listener.spool.atomic_files import write_bytes
from model_store.cohort.plan import PacsSource, RetrieveMethod

SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
PENDING = (0xFF00, 0xFF01)
TIMEOUT_SECONDS, RESPONSE_TIMEOUT_SECONDS = 30.0, 600.0
MODALITIES = ("MR", "SEG", "RTSTRUCT")
NOT_IN_PACS, NOT_SENT, QUERY_FAILED = "not_in_pacs", "not_sent", "query_failed"
REASON_TEXTS = {
    NOT_IN_PACS: "no MR, SEG or RTSTRUCT series of this study is there",
    NOT_SENT: "the study was not sent whole",
    QUERY_FAILED: "the question whether the study is there (C-FIND) was not answered with success",
}
COMPLETE = "complete"
"""An empty file in a study's folder: the PACS reported that it had sent the whole study."""


@dataclass(frozen=True)
class NotRetrieved:
    """An entry of the list for which the PACS did not send a whole study."""

    entry: str
    """Its place: file and line."""
    study_uid: str
    """Empty where the list has an accession number that the PACS does not know."""
    reason: str
    """``not_in_pacs``, ``not_sent`` or ``query_failed``."""
    message: str


def retrieve_studies(source: PacsSource, folder: Path, console: Console) -> list[NotRetrieved]:
    """Fetch the studies of a list into ``folder/<study UID>``. Studies that an earlier run fetched whole are skipped.

    A study that the PACS does not have, or does not send whole, is reported and returned; the others are fetched.

    Raises
    ------
    WrongUsage
        The list is wrong.
    Unreachable
        The PACS cannot be reached or refuses the association.
    CommandError
        No study was retrieved.
    """
    wanted = read_queries(source.queries)
    failed: list[NotRetrieved] = []
    found = 0
    with stepping(console, "fetching studies", len(wanted)) as step, _receiving(source, folder):
        for at, (keyword, value) in wanted:
            entry = f"{source.queries.name}:{at}"
            answers = _ask_and_fetch(source, folder, keyword, value)
            found += sum(reason == "" for _, reason in answers)
            failed += [
                NotRetrieved(entry, study, reason, f"{source.ae_title}: {REASON_TEXTS[reason]}")
                for study, reason in answers
                if reason
            ]
            step()
    for one in failed:
        console.print(f"{one.entry}: {one.message}")
    if not found:
        raise CommandError(
            f"{source.ae_title} sent none of the {len(wanted)} studies",
            "check with radtme echo; for C-MOVE, the PACS must have our AE title and address configured",
        )
    return failed


def read_queries(file: Path) -> list[tuple[int, tuple[str, str]]]:
    """Return line, and keyword with value, of each study of a CSV with a column study_uid or accession_number.

    Raises
    ------
    WrongUsage
        With the line of what is wrong.
    """
    try:
        stream = file.open(newline="", encoding="utf-8-sig")
    except OSError as error:
        raise WrongUsage(f"extract.pacs.queries: {file} cannot be read") from error
    with stream:
        rows = csv.DictReader(stream)
        names = {"study_uid": "StudyInstanceUID", "accession_number": "AccessionNumber"}
        column = next((name for name in names if name in (rows.fieldnames or ())), None)
        if column is None:
            raise WrongUsage(f"{file}: expected a column study_uid or accession_number, found neither")
        wanted = []
        for at, row in enumerate(rows, start=2):
            value = (row[column] or "").strip()
            if column == "study_uid" and not _is_uid(value):
                raise WrongUsage(f"{file}:{at}: study_uid: expected a valid UID")
            if not value or set("*?\\") & set(value):
                raise WrongUsage(f"{file}:{at}: {column}: expected one value without wildcards")
            wanted.append((at, (names[column], value)))
    return wanted


def _is_uid(value: str) -> bool:
    try:
        checked_uid(value)
    except InvalidUid:
        return False
    return True


class _QueryFailed(Exception):
    """A C-FIND that did not end with success: what is in the PACS is not known."""


def _ask_and_fetch(source: PacsSource, folder: Path, keyword: str, value: str) -> list[tuple[str, str]]:
    """Return the studies that match each entry of the list, with why a study is not whole."""
    by_uid = keyword == "StudyInstanceUID"
    try:
        studies = [value] if by_uid else _find(source, keyword, value)
    except _QueryFailed:
        return [("", QUERY_FAILED)]
    return [(study, _fetch(source, folder, study)) for study in studies] or [("", NOT_IN_PACS)]


def _find(source: PacsSource, keyword: str, value: str) -> list[str]:
    """Return the Study Instance UIDs that a key matches."""
    with _associated(source, StudyRootQueryRetrieveInformationModelFind) as association:
        asked = _identifier("STUDY", StudyInstanceUID="", **{keyword: value})
        found = _answers(association, asked)
    studies = [str(one.get("StudyInstanceUID") or "") for one in found if str(one.get(keyword) or "") == value]
    return sorted({study for study in studies if _is_uid(study)})


def _fetch(source: PacsSource, folder: Path, study: str) -> str:
    """Fetch the MR, SEG and RTSTRUCT series of a study; return why it is not whole, or nothing where it is."""
    mark = folder / study / COMPLETE
    if mark.exists():
        return ""
    asked = _identifier("SERIES", StudyInstanceUID=study, SeriesInstanceUID="", Modality="")
    try:
        with _associated(source, StudyRootQueryRetrieveInformationModelFind) as association:
            found = _answers(association, asked)
    except _QueryFailed:
        return QUERY_FAILED
    series = [str(one.SeriesInstanceUID) for one in found if one.get("Modality") in MODALITIES]
    if not series:
        return NOT_IN_PACS
    came = [_fetch_series(source, folder, study, one) for one in series]
    if not all(came) or not mark.parent.is_dir():
        return NOT_SENT
    mark.touch()
    return ""


def _fetch_series(source: PacsSource, folder: Path, study: str, series: str) -> bool:
    asked = _identifier("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
    if source.method is RetrieveMethod.GET:
        model = StudyRootQueryRetrieveInformationModelGet
        with _associated(source, model, [(evt.EVT_C_STORE, _store, [folder])]) as association:
            statuses = [status for status, _ in association.send_c_get(asked, model)]
    else:
        model = StudyRootQueryRetrieveInformationModelMove
        with _associated(source, model) as association:
            statuses = [status for status, _ in association.send_c_move(asked, source.our_ae_title, model)]
    return bool(statuses) and statuses[-1].get("Status") == SUCCESS


def _answers(association: Association, asked: Dataset) -> list[Dataset]:
    answers = list(association.send_c_find(asked, StudyRootQueryRetrieveInformationModelFind))
    if not answers or answers[-1][0].get("Status") != SUCCESS:
        raise _QueryFailed
    return [answer for status, answer in answers if status.get("Status") in PENDING and answer is not None]


def _identifier(level: str, **keys: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def _entity(ae_title: str) -> AE:
    return application_entity(ae_title, TIMEOUT_SECONDS, RESPONSE_TIMEOUT_SECONDS)


@contextmanager
def _associated(source: PacsSource, model: str, handlers: Sequence[tuple[object, ...]] = ()) -> Iterator[Association]:
    stored = STORAGE_CLASSES if handlers else ()
    where = f"{source.ae_title} at {source.host}:{source.port}"
    try:
        association = request_association(
            _entity(source.our_ae_title),
            source.host,
            source.port,
            source.ae_title,
            [build_context(model), *(build_context(sop_class, [*AllTransferSyntaxes]) for sop_class in stored)],
            roles=[build_role(sop_class, scp_role=True) for sop_class in stored],
            handlers=handlers,  # type: ignore[arg-type]
        )
    except AssociationRejected as rejection:
        advice = f"check extract.pacs in the configuration, and that the PACS knows our AE title {source.our_ae_title}"
        raise Unreachable(f"{where} rejected the association: {rejection}", advice) from rejection
    if not association.is_established:
        raise Unreachable(f"{where} does not answer an association request", "check extract.pacs in the configuration")
    try:
        yield association
    finally:
        association.release()


@contextmanager
def _receiving(source: PacsSource, folder: Path) -> Iterator[None]:
    """Run the Storage SCP that C-MOVE sends to, where studies are retrieved by C-MOVE."""
    folder.mkdir(parents=True, exist_ok=True)
    if source.method is RetrieveMethod.GET:
        yield
        return
    entity = _entity(source.our_ae_title)
    entity.require_called_aet = True
    for sop_class in STORAGE_CLASSES:
        entity.add_supported_context(sop_class, AllTransferSyntaxes)
    try:
        server = entity.start_server(
            (source.listen_host, source.listen_port), block=False, evt_handlers=[(evt.EVT_C_STORE, _store, [folder])]
        )
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


def _store(event: evt.Event, folder: Path) -> int:
    """Store received objects unchanged, under their checked UIDs."""
    try:
        study = checked_uid(str(event.dataset.get("StudyInstanceUID") or ""))
        uid = checked_uid(getattr(event.request, "AffectedSOPInstanceUID", ""))
    except (InvalidUid, AttributeError, ValueError, KeyError):
        return CANNOT_UNDERSTAND
    try:
        (folder / study).mkdir(parents=True, exist_ok=True)
        write_bytes(folder / study / f"{uid}.dcm", event.encoded_dataset(include_meta=True))
    except OSError:
        return OUT_OF_RESOURCES
    return SUCCESS
