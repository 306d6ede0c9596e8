"""Audits changes of signatures before they take effect: the active one decides what a radiologist reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.settings import Configuration
from listener.audit.events import software_changed
from listener.audit.trail import AuditLog, NotAudited
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry


@contextmanager
def audited(configuration: Configuration, action: str, name: str) -> Iterator[None]:
    """Audit ``action`` on a signature, then run the block; audit its failure, too.

    Raises
    ------
    CommandError
        If the audit trail cannot be written: then nothing is done.
    """
    log = AuditLog(configuration.audit)
    what = f"radtme:signature:{name}"
    details = [f"{action} {name}", f"active before: {active_name(configuration)}"]
    try:
        log.write(software_changed("signature", what, details))
        try:
            yield
        except SignatureError as error:
            log.write(software_changed("signature", what, [f"{action} {name} failed", str(error)], failed=True))
            raise
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error


def active_name(configuration: Configuration) -> str:
    """Return the name of the active signature, or a description where there is none."""
    try:
        current = Registry(configuration.locations.model_store).current()
    except SignatureError:
        return "unreadable"
    return current.name if current else "none"
