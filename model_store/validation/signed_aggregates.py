"""Aggregates with an Ed25519 signature (RFC 8032): by the public key of a site, others check that they are its own."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from model_store.errors import StudyError
from model_store.files import readable_json
from model_store.json_records import as_json, record_of
from model_store.validation.aggregates import FORMAT, Aggregates

ALGORITHM = "Ed25519"


@dataclass(frozen=True)
class SignedAggregates:
    """The content of the file."""

    aggregates: Aggregates
    algorithm: str
    signature: str
    """Base64, over `signed_bytes`."""


def signed(aggregates: Aggregates, key: Ed25519PrivateKey) -> bytes:
    """Return the file."""
    value = base64.b64encode(key.sign(signed_bytes(aggregates))).decode()
    return readable_json(as_json(SignedAggregates(aggregates, ALGORITHM, value)))


def signed_bytes(aggregates: Aggregates) -> bytes:
    """Return what is signed: the aggregates as JSON with sorted keys, without spaces, in UTF-8."""
    content: dict[str, Any] = as_json(aggregates)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def read_signed(path: Path, key: Ed25519PublicKey) -> Aggregates:
    """Return the aggregates of a file that the holder of the private key signed.

    Raises
    ------
    StudyError
        It is no such file, or another key signed it, or a byte of it was changed since.
    """
    try:
        content = json.loads(path.read_bytes())
        found = (content["aggregates"]["format"], content["algorithm"])
        record = None if found != (FORMAT, ALGORITHM) else record_of(SignedAggregates, content)
        value = base64.b64decode(record.signature, validate=True) if record else b""
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyError(f"{path.name} cannot be read as signed aggregates: {error}") from error
    if record is None:
        raise StudyError(
            f"{path.name} has format {found[0]} with {found[1]}, this program reads {FORMAT} with {ALGORITHM}"
        )
    try:
        key.verify(value, signed_bytes(record.aggregates))
    except InvalidSignature as error:
        raise StudyError(
            f"{path.name} was not signed with this key, or was changed since: ask the site for its public key, and for "
            "the file again"
        ) from error
    return record.aggregates


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key (PEM, without password).

    Raises
    ------
    StudyError
        It is none.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StudyError(f"{path} cannot be read as a private key without password (PEM): {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StudyError(f"{path} is no {ALGORITHM} key; make one with openssl genpkey -algorithm ed25519")
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key (PEM).

    Raises
    ------
    StudyError
        It is none.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise StudyError(f"{path} cannot be read as a public key (PEM): {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise StudyError(f"{path} is no {ALGORITHM} key; ask the site for it")
    return key
