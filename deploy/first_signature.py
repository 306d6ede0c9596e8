"""The signature that scores where nobody has chosen one. Loads scikit-learn: only a worker should import this."""

import structlog

from deploy.configuration import Configuration
from model_store.errors import SignatureError
from model_store.registry import Registry

log = structlog.get_logger()


def prepare_signatures(configuration: Configuration) -> None:
    """Put the research signature that comes with the program into the registry, where none is active yet.

    A registry that cannot be used stops the scoring, which says so itself, and must not stop the intake.
    """
    try:
        Registry(configuration.locations.model_store).ensure_shipped()
    except SignatureError as error:
        log.error("signature_registry_unusable", error=str(error))
