"""Section 4.2.2 of the Conformance Statement: the application entity that sends results."""

from pydicom.uid import UID
from pynetdicom import AE

from deploy.conformance.tables import context_table, table
from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from listener.scu.association import verification_contexts
from workers.results.result_classes import RESULT_CLASSES
from workers.settings import WorkerSettings
from workers.targets import commitment_scu, find_scu
from workers.targets.store_scu import storage_contexts
from workers.targets.store_status import PERMANENT, WARNINGS
from workers.targets.target import Target


def sending_entity(settings: WorkerSettings) -> str:
    """Return the section on the sending application entity: what it proposes, and how it treats each status."""
    target = Target("", "", "", 0)
    results = [
        (role.value, number, UID(uid).name, uid)
        for role, classes in RESULT_CLASSES.items()
        for number, uid in enumerate(classes, start=1)
    ]
    every_class = [uid for classes in RESULT_CLASSES.values() for uid in classes]
    return f"""\
### 4.2.2 Sending AE (`workers.ae_title`, by default {settings.ae_title})

#### 4.2.2.1 SOP classes

Storage (SCU) of the results, Verification (SCU); Storage Commitment Push Model (SCU) and Study Root Query/Retrieve FIND (SCU) for
targets whose `proof` needs them. Each result is sent as the first of its SOP classes that the target accepts:

{table(("Result", "Choice", "SOP class", "SOP class UID"), results)}
The simpler SR classes have the same content as the Comprehensive 3D SR; Encapsulated PDF and Secondary Capture show it as pages. Each has its
own UIDs. `fallback: report` excludes these last two, `fallback: none` allows only the first SOP class.

#### 4.2.2.2 Association policies

| parameter | value |
| --- | --- |
| Application context name | 1.2.840.10008.3.1.1.1 |
| Maximum PDU length received | {AE(settings.ae_title).maximum_pdu_size} |
| Associations at a time | one for each delivery worker process |
| Asynchronous operations window | not negotiated |
| SCP/SCU role selection, user identity, extended negotiation | not proposed |
| Implementation class UID | {IMPLEMENTATION_CLASS_UID} |
| Implementation version name | {IMPLEMENTATION_VERSION_NAME} |

#### 4.2.2.3 Association initiation: storing results

One association transfers the results of one case in this order: segmentation, key image, feature report, summary report.

Proposed for storage:

{context_table(storage_contexts(every_class), "SCU")}
| C-STORE status | Behaviour |
| --- | --- |
| 0x0000 | accepted |
| {_listed(WARNINGS)} | accepted, with a warning |
| {_listed(PERMANENT)}, 0xA9xx, 0xCxxx | refused permanently: the job fails and needs attention |
| any other (also 0xA7xx), no response | retried without limit, at intervals from {settings.first_retry_seconds:g} s to {settings.last_retry_seconds:g} s |

#### 4.2.2.4 Association initiation: verification

After {settings.breaker_failures} consecutive failures to reach a target, the AE sends C-ECHO until the target answers.

Proposed for verification:

{context_table(verification_contexts(), "SCU")}
#### 4.2.2.5 Association initiation: storage commitment

N-ACTION (Action Type ID 1) with a new Transaction UID for each request. The association stays open for {target.commitment_wait_seconds:g} s
(`commitment_wait_seconds`) for the report (N-EVENT-REPORT, Event Type ID 1 or 2); after that the receiving AE accepts it on an association
that the SCP opens. Without a report within {target.commitment_timeout_seconds:g} s (`commitment_timeout_seconds`), the request is repeated.
Storage Media File-Set ID and UID are not supported.

Proposed for storage commitment:

{context_table(commitment_scu.contexts(), "SCU")}
#### 4.2.2.6 Association initiation: query for delivered results

C-FIND at the level IMAGE. Keys: Study Instance UID, Series Instance UID (single value matching), SOP Instance UID (universal matching).

Proposed for queries:

{context_table(find_scu.contexts(), "SCU")}
#### 4.2.2.7 Association acceptance

The sending AE accepts no associations.

### 4.2.3 DICOMweb user agent (targets of `kind: dicomweb`)

| service (PS3.18) | use |
| --- | --- |
| Store transaction (STOW-RS), `POST studies/{{study}}` | one instance in a request, `multipart/related; type="application/dicom"`, Explicit VR Little Endian; the response as `application/dicom+json` |
| Search transaction (QIDO-RS), `GET studies`, `GET studies/{{study}}/series/{{series}}/instances` | to check that the server answers, and that it lists a result |

HTTP Basic authentication or a bearer token, from files. Redirects are not followed.
"""


def _listed(statuses: frozenset[int]) -> str:
    return ", ".join(f"0x{status:04X}" for status in sorted(statuses))
