"""C-FIND at instance level: whether a target lists the objects that it took (PS3.4 section C.4.1)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from workers.results.instance_reference import InstanceReference
from workers.targets.association import associated
from workers.targets.target import Target
from workers.targets.transport import InvalidResponse

PENDING = (0xFF00, 0xFF01)
SUCCESS = 0x0000


def contexts() -> list[PresentationContext]:
    """Return the proposed presentation contexts."""
    return [build_context(StudyRootQueryRetrieveInformationModelFind)]


def find(target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
    """Return the SOP Instance UIDs of those ``instances`` that the target lists.

    Raises
    ------
    TransientFailure
        If there is no association, or the search did not end well.
    AssociationRefused
        If the target rejects the association permanently, or offers no Study Root Query.
    """
    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in instances:
        wanted[one.study_uid, one.series_uid].add(one.sop_instance_uid)
    with associated(target, calling_ae_title, contexts(), "no Study Root Query (C-FIND)") as association:
        listed: set[str] = set()
        for series, uids in wanted.items():
            listed |= uids & set(_listed(association, *series))
    return frozenset(listed)


def _listed(association: Association, study_uid: str, series_uid: str) -> Iterator[str]:
    """Yield the instances of a series, each of which has one result object of ours."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID, identifier.SeriesInstanceUID = study_uid, series_uid
    identifier.SOPInstanceUID = ""
    status = None
    try:
        for response, match in association.send_c_find(identifier, StudyRootQueryRetrieveInformationModelFind):
            status = response.get("Status")
            if status in PENDING and match is not None:
                yield str(match.get("SOPInstanceUID", ""))
    except RuntimeError as error:  # the association ended before the request was out
        raise InvalidResponse("the association ended before the search") from error
    if status != SUCCESS:
        text = "no response" if status is None else f"0x{status:04X}"
        raise InvalidResponse(f"the search for the results ended with {text}")
