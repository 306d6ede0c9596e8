"""A target: where results go, how it is spoken to, and what counts as delivered there."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from listener.settings import ClientTls, Port, Seconds, SecondsFromZero
from workers.results.result_classes import Fallback, ResultRole


class Proof(StrEnum):
    """What has to be known before results count as delivered to a target."""

    SENT = "sent"
    """The target answered each C-STORE (STOW-RS) with success or a warning."""
    COMMITTED = "committed"
    """It took responsibility for each object (Storage Commitment Push Model)."""
    SEEN = "seen"
    """It lists each object when it is asked for it (C-FIND, QIDO-RS)."""
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
    """How a target is spoken to."""

    DIMSE = "dimse"
    """A Storage SCP: C-STORE."""
    DICOMWEB = "dicomweb"
    """A DICOMweb server: STOW-RS."""


@dataclass(frozen=True)
class Target:
    """One Storage SCP or DICOMweb server that results go to."""

    name: str
    ae_title: str = ""
    host: str = ""
    # 0 stands for none, as a DICOMweb target has: the file that hands targets on leaves it out, since it is no port.
    port: Annotated[Port, Field(exclude_if=lambda port: port == 0)] = 0
    results: frozenset[ResultRole] = frozenset(ResultRole)
    """Which objects this target gets."""
    timeout_seconds: Seconds = 30.0
    """For connecting, for the association and for each response."""
    fallback: Fallback = Fallback.DOCUMENT
    """What may go there instead of a result that it does not take."""
    proof: Proof = Proof.SENT
    """What counts as delivered."""
    commitment_wait_seconds: SecondsFromZero = 5.0
    """How long an association stays open for the commitment report; later ones come to the listener."""
    commitment_timeout_seconds: Seconds = 3600.0
    """A commitment that was not reported on after this long is asked for again."""
    tls: ClientTls | None = None
    """None: in the clear."""
    kind: TargetKind = TargetKind.DIMSE
    """dimse needs ``ae_title``, ``host`` and ``port``; dicomweb needs ``url``."""
    url: str = ""
    """Of the DICOMweb service, such as ``https://pacs.example/dicom-web``: what stands before ``/studies``."""
    token_file: Path | None = None
    """Holds the bearer token; read anew for each try."""
    user: str = ""
    password_file: Path | None = None
    """For HTTP Basic authentication."""

    @property
    def where(self) -> str:
        """How people name the place that it is at."""
        return self.url if self.kind is TargetKind.DICOMWEB else f"{self.ae_title}@{self.host}:{self.port}"

    @property
    def host_name(self) -> str:
        """The machine that it is on."""
        return (urlsplit(self.url).hostname or "") if self.kind is TargetKind.DICOMWEB else self.host
