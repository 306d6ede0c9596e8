"""A target: where results are sent, by which protocol, and what counts as delivered."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from listener.settings import ClientTls, Port, Seconds, SecondsFromZero, TimeoutSeconds
from workers.results.result_roles import Fallback, ResultRole
from workers.targets.result_filter import EVERY_CASE, ResultFilter


class Proof(StrEnum):
    """The proof that is required before results count as delivered to a target."""

    SENT = "sent"
    """The target answered each C-STORE (STOW-RS) with success or a warning."""
    COMMITTED = "committed"
    """It took responsibility for each object (Storage Commitment Push Model)."""
    SEEN = "seen"
    """It lists each object in a query (C-FIND, QIDO-RS)."""
    COMMITTED_AND_SEEN = "committed_and_seen"

    @property
    def needs_commitment(self) -> bool:
        """Whether the target has to take responsibility."""
        return self in (Proof.COMMITTED, Proof.COMMITTED_AND_SEEN)

    @property
    def needs_query(self) -> bool:
        """Whether the target has to list what it took."""
        return self in (Proof.SEEN, Proof.COMMITTED_AND_SEEN)


class TargetKind(StrEnum):
    """The protocol of a target."""

    DIMSE = "dimse"
    """A Storage SCP: C-STORE."""
    DICOMWEB = "dicomweb"
    """A DICOMweb server: STOW-RS."""
    FHIR = "fhir"
    """A FHIR R5 server: the summary report as a transaction."""


@dataclass(frozen=True)
class Target:
    """One Storage SCP or DICOMweb server that receives results."""

    name: str
    ae_title: str = ""
    host: str = ""
    # 0 means none, as for a DICOMweb target: the file of current targets leaves it out, since it is not a valid port.
    port: Annotated[Port, Field(exclude_if=lambda port: port == 0)] = 0
    results: frozenset[ResultRole] = frozenset(ResultRole)
    """Which objects this target gets."""
    timeout_seconds: TimeoutSeconds = 30.0
    """For connecting, for the association and for each response."""
    fallback: Fallback = Fallback.DOCUMENT
    """What may be sent instead of a result that it does not take."""
    proof: Proof = Proof.SENT
    """What counts as delivered."""
    commitment_wait_seconds: SecondsFromZero = 5.0
    """How long an association stays open for the commitment report; later ones come to the listener."""
    commitment_timeout_seconds: Seconds = 3600.0
    """A commitment that was not reported on after this long is requested again."""
    tls: ClientTls | None = None
    """None: in the clear."""
    kind: TargetKind = TargetKind.DIMSE
    """dimse needs ``ae_title``, ``host`` and ``port``; dicomweb and fhir need ``url``."""
    url: str = ""
    """The base URL of the DICOMweb service, without ``/studies``, such as ``https://pacs.example/dicom-web``, or of the
    FHIR service."""
    token_file: Path | None = None
    """A file with the bearer token; read again for each attempt."""
    user: str = ""
    password_file: Path | None = None
    """For HTTP Basic authentication."""
    filter: ResultFilter = EVERY_CASE
    """Of which cases this target gets results; without a filter, of all."""

    @property
    def where(self) -> str:
        """Its address for messages."""
        return self.url if self.is_web else f"{self.ae_title}@{self.host}:{self.port}"

    @property
    def host_name(self) -> str:
        """Its host."""
        return (urlsplit(self.url).hostname or "") if self.is_web else self.host

    @property
    def is_web(self) -> bool:
        """Whether it has a URL."""
        return self.kind is not TargetKind.DIMSE

    @property
    def roles(self) -> frozenset[ResultRole]:
        """The results that it can receive and is to receive."""
        return self.results & {ResultRole.SUMMARY_REPORT} if self.kind is TargetKind.FHIR else self.results
