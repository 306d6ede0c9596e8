"""The DICOM Conformance Statement (PS3.2 annex A) of this version, with the default values."""

from importlib.metadata import version
from pathlib import Path

from pydicom.sr.coding import Code

from deploy.conformance.listener_entity import listener_entity
from deploy.conformance.sending_entity import sending_entity
from deploy.conformance.tables import name_of, table
from listener.dicom.own_results import MANUFACTURER, PRIVATE_SCHEME, RESULT_MODEL_NAME
from listener.dicom.sop_classes import DOCUMENT_CLASSES, STORAGE_CLASSES, VERIFICATION
from listener.pairing import retrieve
from listener.settings import ListenerSettings
from listener.tls.contexts import CIPHERS
from workers.results import codes
from workers.results.result_classes import RESULT_CLASSES
from workers.settings import WorkerSettings
from workers.targets import commitment_scu, find_scu
from workers.targets.target import Target

LISTENER_TIMES = (
    "acse_timeout_seconds",
    "idle_timeout_seconds",
    "pdu_timeout_seconds",
    "message_timeout_seconds",
    "min_bytes_per_second",
    "max_objects_per_association",
    "max_object_bytes",
    "settle_seconds",
    "deadline_seconds",
)


def conformance_statement() -> str:
    """Return the statement as Markdown. It depends only on the program, not on a configuration."""
    listener, workers = ListenerSettings(spool=Path()), WorkerSettings(spool=Path(), model_store=Path())
    return "\n".join(
        [_overview(), listener_entity(listener), sending_entity(workers), _configuration(listener), _rest()]
    )


def _overview() -> str:
    received = dict.fromkeys(map(str, DOCUMENT_CLASSES), "Yes (option)")
    received |= dict.fromkeys(map(str, (VERIFICATION, *STORAGE_CLASSES)), "Yes")
    sent = {str(uid) for classes in RESULT_CLASSES.values() for uid in classes} | {str(VERIFICATION)}
    services = [
        (name_of(uid), "Yes" if uid in sent else "No", received.get(uid, "No")) for uid in sorted({*received, *sent})
    ]
    options = [*commitment_scu.contexts(), *find_scu.contexts(), *retrieve.contexts()]
    services += [(name_of(context.abstract_syntax or ""), "Yes (option)", "No") for context in options]
    return f"""\
# DICOM Conformance Statement

radtme {version("radtme")}, in the form of PS3.2 annex A. `radtme conformance` prints it from the tables that the program uses for negotiation; numbers
are the defaults. radtme is research software and not a medical device.

## 1 Overview

radtme receives breast DCE-MRI images and tumour outlines (segmentations or RT structure sets), scores the tumour, and stores reports, a
segmentation and a key image in the same study of one or more archives.

{table(("Network service", "User (SCU)", "Provider (SCP)"), services)}
Over DICOMweb (option): STOW-RS and QIDO-RS as user agent. No media services.

## 2 Contents

3 Introduction, 4 Networking (4.1 implementation model, 4.2 application entities, 4.3 network interfaces, 4.4 configuration),
5 Media interchange, 6 Character sets, 7 Security, 8 Annexes

## 3 Introduction

For integrators and administrators who connect radtme to a PACS, together with the connection sheet of an installation
(`radtme connections`). Conformance does not by itself guarantee interoperability: test with `radtme echo` and `radtme probe`.
Terms and abbreviations are those of the DICOM Standard (PS3.1 to PS3.18).

## 4 Networking

### 4.1 Implementation model

Application data flow: images and outlines arrive at the receiving AE, which stores them and pairs each outline with the images that it
references. When they are complete, a worker measures and scores the case. The sending AE stores the results in every target
and requests commitment or queries for them as the target's `proof` requires. Both AEs may have the same AE title.

Sequencing: images and outline may arrive in any order and on any number of associations. A case is ready when all referenced
instances have arrived and no object of the study arrived within `settle_seconds`; at once where the outline came last and no open
association has brought anything of the study. Images that arrive later create a new version of the case.

### 4.2 Application entities
"""


def _configuration(settings: ListenerSettings) -> str:
    timeout = Target("", "", "", 0).timeout_seconds
    times = [(f"`listener.{name}`", f"{getattr(settings, name):.12g}") for name in LISTENER_TIMES]
    return f"""\
### 4.3 Network interfaces

TCP/IP, IPv4 and IPv6; HTTP/1.1 for DICOMweb. Host names are resolved by the operating system.

### 4.4 Configuration

AE titles, hosts and ports of both directions are configured; `radtme connections` prints them. The receiving AE listens on port
{settings.port} of {settings.host} by default.

{table(("Parameter", "Default"), [*times, ("`targets[].timeout_seconds` (connecting, association, response)", f"{timeout:g}")])}"""


def _verdicts() -> list[tuple[str, str, str]]:
    """Return the codes of the verdict, all of the private scheme."""
    when = (
        (codes.HOT, "the score reaches the threshold"),
        (codes.COLD, "it does not"),
        (
            codes.UNCERTAIN,
            "a redrawn outline gives the other class, the training cases do not decide, or the phase may be before contrast",
        ),
        (codes.NOT_SCORED, "the case has no score; the report says why"),
    )
    return [(code.value, code.meaning, condition) for code, condition in when]


def _code(code: Code) -> str:
    return f'({code.value}, {code.scheme_designator}, "{code.meaning}")'


def _schemes() -> str:
    named = {one.scheme_designator for one in vars(codes).values() if isinstance(one, Code)}
    return ", ".join(sorted({*named, "IBSI"} - {PRIVATE_SCHEME}))


def _rest() -> str:
    created = [
        (role.value, name_of(classes[0]), "own series in the source study") for role, classes in RESULT_CLASSES.items()
    ]
    return f"""\
## 5 Media interchange

Not supported.

## 6 Character sets

Received objects may have any character set and are stored unchanged. Created objects use ISO_IR 192 (UTF-8); texts of the source are
converted.

## 7 Security

| profile (PS3.15) | support |
| --- | --- |
| BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (B.12) | both directions (option): TLS 1.2 and 1.3, `{CIPHERS}`; both sides' certificates are verified |
| Audit Trail Message Format Profile (A.5) | yes |
| Audit Trail Message Transmission Profile - SYSLOG-TLS (A.6) | option (RFC 5425) |

AE titles, addresses and certificates of peers can be restricted individually (`listener.peers`). User identity negotiation is not used.

## 8 Annexes

### 8.1 Created SOP instances

{table(("Result", "SOP class", "Placement"), created)}
Patient and study attributes are copied from the source images; missing Type 2 attributes are empty. Values that break the rules
of their VR, multiplicity or items are left out, except in Patient ID, Patient's Name, Issuer of Patient ID and Accession Number. Manufacturer is
`{MANUFACTURER}`, Manufacturer's Model Name `{RESULT_MODEL_NAME}`. UIDs are derived from the source, the signature, and the
feature engine, words and Series Numbers that the site has chosen: the same case gives the same instances, and no UID stands for two contents. Reports follow TID 1500 and are UNVERIFIED.

### 8.2 Private attributes

None are created.

### 8.3 Coded terminology

{_schemes()}, and the private scheme {PRIVATE_SCHEME}, which every object that uses it identifies.

The verdict is the value of {_code(codes.PHENOTYPE)} in the summary report:

{table(("Code value", "Meaning", "When"), _verdicts())}
Beside an uncertain verdict, {_code(codes.TENDENCY)} holds the class by the threshold, except of images
that may be from before contrast.

### 8.4 Greyscale consistency, standard extended, specialised and private SOP classes

Not applicable; none.

### 8.5 Private transfer syntaxes

None.
"""
