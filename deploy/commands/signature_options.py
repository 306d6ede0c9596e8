"""What the commands about signatures share: the registry of the configuration, and how an error is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.configuration.load import read_configuration
from deploy.errors import CommandError
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn what is wrong with a signature into the one or two lines that a person reads."""
    try:
        yield
    except SignatureError as error:
        message, _, advice = str(error).partition("; ")
        raise CommandError(message, advice) from error


def registry_of(config_file: Path | None) -> Registry:
    """Return the registry of the configuration."""
    return Registry(read_configuration(config_file).locations.model_store)
