"""Requests missing instances from the PACS: C-MOVE to ourselves (PS3.4 section C.4.2)."""

from collections.abc import Iterator, Mapping

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove  # type: ignore[attr-defined]

from listener.runtime.logger import Logger
from listener.scu.association import AssociationRejected, application_entity, request_association
from listener.settings import RetrieveSource
from listener.spool.job_record import UNKNOWN_SERIES
from listener.tls.certificates import CredentialFileError

log = Logger(__name__)

UIDS_PER_REQUEST = 100
"""An identifier with a list of UIDs; some PACS refuse very long ones."""
_TIMEOUT_SECONDS = 30.0
_RESPONSE_TIMEOUT_SECONDS = 600.0
_PENDING = (0xFF00, 0xFF01)


def contexts() -> list[PresentationContext]:
    """Return the presentation contexts to propose."""
    return [build_context(StudyRootQueryRetrieveInformationModelMove)]


def identifiers(study_uid: str, missing: Mapping[str, tuple[str, ...]]) -> Iterator[Dataset]:
    """Yield the C-MOVE identifiers that request ``missing`` (instances by series).

    Instances whose series is not known can only be requested with their study.
    """
    if missing.get(UNKNOWN_SERIES):
        yield _identifier("STUDY", study_uid)
        return
    for series, instances in missing.items():
        for start in range(0, len(instances), UIDS_PER_REQUEST):
            identifier = _identifier("IMAGE", study_uid)
            identifier.SeriesInstanceUID = series
            identifier.SOPInstanceUID = list(instances[start : start + UIDS_PER_REQUEST])
            yield identifier


def _identifier(level: str, study_uid: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    identifier.StudyInstanceUID = study_uid
    return identifier


def retrieve(source: RetrieveSource, ae_title: str, study_uid: str, missing: Mapping[str, tuple[str, ...]]) -> bool:
    """Ask ``source`` to send the missing instances to ``ae_title``; return whether it agreed to all of it.

    What was really received is seen in the spool, as with any other object.
    """
    entity = application_entity(ae_title, _TIMEOUT_SECONDS, _RESPONSE_TIMEOUT_SECONDS)
    try:
        association = request_association(entity, source.host, source.port, source.ae_title, contexts(), source.tls)
    except CredentialFileError as error:
        log.error("retrieve_failed", study_uid=study_uid, reason=str(error), source=source.ae_title)
        return False
    except AssociationRejected as error:
        log.warning("retrieve_failed", study_uid=study_uid, reason=str(error), source=source.ae_title)
        return False
    if not association.is_established:
        log.warning("retrieve_failed", study_uid=study_uid, reason="no association", source=source.ae_title)
        return False
    try:
        statuses = [_move(association, ae_title, identifier) for identifier in identifiers(study_uid, missing)]
    finally:
        association.release()
    log.info("retrieve_ended", study_uid=study_uid, statuses=[f"0x{status:04X}" for status in statuses])
    return not any(statuses)


def _move(association: Association, ae_title: str, identifier: Dataset) -> int:
    """Return the final status of one C-MOVE; 0xFFFF where there was none."""
    final = 0xFFFF
    for status, _ in association.send_c_move(identifier, ae_title, StudyRootQueryRetrieveInformationModelMove):
        code = status.get("Status")
        if code is not None and code not in _PENDING:
            final = int(code)
    return final
