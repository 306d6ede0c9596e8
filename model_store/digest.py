"""Content addresses: the same content has the same digest, everywhere."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of these bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def readable_json(value: Mapping[str, Any]) -> bytes:
    """Return the one way in which we write these values: sorted, indented, without NaN, ending in a newline."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
