"""Shared by the commands about signatures: the registry of the configuration, and the message of an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.configuration.load import read_configuration
from deploy.errors import CommandError
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn an error in a signature into an error message of one or two lines."""
    try:
        yield
    except SignatureError as error:
        message, _, advice = str(error).partition("; ")
        raise CommandError(message, advice) from error


def registry_of(config_file: Path | None) -> Registry:
    """Return the registry of the configuration."""
    return Registry(read_configuration(config_file).locations.model_store)
