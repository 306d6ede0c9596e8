"""A PACS that a cohort is retrieved from, how, and how much at a time."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model_store.number_types import Count, PauseSeconds, Port


class RetrieveMethod(StrEnum):
    """How studies come from a PACS."""

    GET = "get"
    """C-GET: over the same association; it needs no port of ours and no entry in the PACS."""
    MOVE = "move"
    """C-MOVE: to a Storage SCP of ours, which the PACS must know under our AE title."""
    DICOMWEB = "dicomweb"
    """QIDO-RS and WADO-RS, at `PacsSource.url`."""


@dataclass(frozen=True)
class PacsTls:
    """The authorities that we trust, and our certificate where the PACS requests one. Files are PEM."""

    ca: Path
    """Whose certificates are accepted: authorities, or the PACS's own."""
    certificate: Path | None = None
    key: Path | None = None
    key_password_file: Path | None = None
    check_hostname: bool = True
    """False: any certificate from ``ca`` is accepted, whatever host it names; then list the PACS's own in ``ca``."""

    def __post_init__(self) -> None:
        """Refuse a certificate without its key.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate: expected together with key, and key with it")


@dataclass(frozen=True)
class PacsSource:
    """A PACS, and the list of studies to retrieve from it."""

    queries: Path
    """CSV with a column ``study_uid`` or ``accession_number``."""
    ae_title: str = ""
    host: str = ""
    port: Port = 104
    """Where it takes DIMSE requests."""
    url: str = ""
    """Of its DICOMweb service, such as ``https://pacs.example.org/dicom-web``."""
    our_ae_title: str = "RADTME"
    method: RetrieveMethod = RetrieveMethod.GET
    tls: PacsTls | None = None
    """DIMSE over TLS, or the certificates for an ``https`` URL; without it, those that the system trusts."""
    user: str = ""
    password_file: Path | None = None
    """With `user`: HTTP Basic authentication."""
    token_file: Path | None = None
    """A file with a bearer token."""
    listen_host: str = "127.0.0.1"
    """Where C-MOVE sends to."""
    listen_port: Port = 11114
    listen_tls: bool = False
    """C-MOVE sends over TLS, too: with the certificates of `tls`."""
    parallel: Count = 2
    """Studies that are asked for at the same time."""
    pause_seconds: PauseSeconds = 0.0
    """Between two studies."""
    attempts: Count = 5
    """For a PACS that is busy or does not answer, before the study, or the run, is given up."""
    first_retry_seconds: PauseSeconds = 2.0
    """Before the second attempt; each wait is twice as long as the one before, up to an hour."""

    def __post_init__(self) -> None:
        """Refuse a source without an address, or with half of what its method needs.

        Raises
        ------
        ValueError
            Naming the field.
        """
        by_web = self.method is RetrieveMethod.DICOMWEB
        if by_web and not self.url.startswith(("http://", "https://")):
            raise ValueError("url: expected the address of the DICOMweb service for method: dicomweb")
        if not by_web and self.url:
            raise ValueError("url: expected with method: dicomweb only")
        if not by_web and not (self.ae_title and self.host):
            raise ValueError(f"ae_title and host: expected for method: {self.method.value}")
        if self.listen_tls and (self.tls is None or self.tls.certificate is None):
            raise ValueError("listen_tls: expected together with a certificate in tls")
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("user: expected together with password_file, and password_file with it")

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.url or f"{self.ae_title} at {self.host}:{self.port}"
