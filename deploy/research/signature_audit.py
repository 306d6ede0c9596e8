"""Audits what is done to signatures, before it is done: which one scores decides what a radiologist reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.load import Configuration
from listener.audit.events import software_changed
from listener.audit.trail import AuditLog, NotAudited
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry


@contextmanager
def audited(configuration: Configuration, action: str, name: str) -> Iterator[None]:
    """Write down that ``action`` is done to a signature, then do the block; and that it failed, where it does.

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
    """Return the name of the signature that scores now, or words where none does."""
    try:
        current = Registry(configuration.locations.model_store).current()
    except SignatureError:
        return "unreadable"
    return current.name if current else "none"
