"""Section 4.2.1 of the Conformance Statement: the application entity that receives."""

from collections.abc import Mapping

from pydicom.uid import UID

from deploy.conformance.tables import context_table, meanings, table
from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from listener.dicom.sop_classes import DOCUMENT_CLASSES, STORAGE_CLASSES
from listener.pairing import retrieve
from listener.scp.admission import AssociationRejection
from listener.scp.presentation_contexts import TRANSFER_SYNTAXES, supported_contexts
from listener.scp.statuses import Status
from listener.settings import ListenerSettings

BEHAVIOUR: Mapping[Status, str] = {
    Status.DUPLICATE_SOP_INSTANCE: "warning",
    Status.SUCCESS: "success",
}


def listener_entity(settings: ListenerSettings) -> str:
    """Return the section on the receiving application entity: its services, policies and statuses."""
    rejections = [
        (one.value.result, one.value.source, one.value.reason, said)
        for one, said in meanings(AssociationRejection).items()
    ]
    statuses = [
        (f"0x{status:04X}", BEHAVIOUR.get(status, "failure"), said) for status, said in sorted(meanings(Status).items())
    ]
    return f"""\
### 4.2.1 Receiving AE (`listener.ae_title`, by default {settings.ae_title})

#### 4.2.1.1 SOP classes

Storage (SCP) of {len(STORAGE_CLASSES)} SOP classes in {len(TRANSFER_SYNTAXES)} transfer syntaxes, all uncompressed or lossless; Verification
(SCP); Storage Commitment Push Model (SCU), for reports on an association that the SCP opens. Where
`listener.retrieve_from` is set, Study Root Query/Retrieve MOVE (SCU). Where `listener.assessments` is set, Storage (SCP) also of
{", ".join(UID(uid).name for uid in DOCUMENT_CLASSES)}, uncompressed or deflated.

#### 4.2.1.2 Association policies

| parameter | value |
| --- | --- |
| Application context name | 1.2.840.10008.3.1.1.1 |
| Maximum PDU length received | {settings.max_pdu_bytes} (`max_pdu_bytes`) |
| Associations at a time | {settings.max_associations} (`max_associations`), {settings.max_associations_per_peer} from one peer (`max_associations_per_peer`) |
| Asynchronous operations window | not negotiated: one operation at a time |
| User identity, extended negotiation | not supported: ignored |
| SCP/SCU role selection | answered |
| Implementation class UID | {IMPLEMENTATION_CLASS_UID} |
| Implementation version name | {IMPLEMENTATION_VERSION_NAME} |

#### 4.2.1.3 Association initiation: missing images

Only where `listener.deadline_policy` is `fetch`: if an outline's images have not arrived by the deadline, the AE retrieves them by C-MOVE at
the level IMAGE (STUDY where their series is unknown), with the receiving AE title as the move destination.

Proposed for retrieval:

{context_table(retrieve.contexts(), "SCU")}
Unique keys: Study Instance UID; at the level IMAGE also Series Instance UID and SOP Instance UID (at most
{retrieve.UIDS_PER_REQUEST} in a request). The AE decides by the instances that it received, not by the final status.

#### 4.2.1.4 Association acceptance

The AE accepts associations from the AE titles, addresses and certificates in `listener.calling_ae_titles` and `listener.peers`. The called
AE title must be the configured one (`require_called_ae_title`; by default wherever other machines can reach the port). Each of these
peers may use Verification. Targets with storage commitment may associate only to send commitment reports.

Accepted presentation contexts:

{context_table(supported_contexts())}
Where a presentation context proposes several transfer syntaxes, the AE accepts the first one of its own list that was proposed.

Rejected associations (A-ASSOCIATE-RJ, PS3.8 table 9-21):

{table(("Result", "Source", "Reason", "Cause"), rejections)}
Storage: level 2 (full). Data sets are stored byte for byte as received, with a new File Meta Information; no attribute is coerced.
The AE responds with success after the object has been written and synced to disk. An identical instance that is sent again is a success too.

Statuses of C-STORE, C-ECHO and N-EVENT-REPORT responses:

{table(("Status", "Kind", "Meaning"), statuses)}
After 0xA700, a sender can try again later. If communication fails, an incomplete object is discarded; acknowledged objects are kept.
"""
