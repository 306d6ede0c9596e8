"""One value of the configuration: where it stands, what it says, and how it becomes a Python value."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from pathlib import Path

import yaml

from deploy.configuration.redis_url import EXPECTED_URL, redis_parts
from deploy.network.peer import checked_ae_title
from listener.scp.allow_list import network, plain_fingerprint

TARGET_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
HEADER_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
WHOLE_NUMBER_PATTERN = re.compile(r"-?(0|[1-9][0-9]*)")
MAX_PORT = 65535
YES_NO = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Kind(Enum):
    """What a scalar looks like before its setting's type is known."""

    TEXT = auto()
    NUMBER = auto()
    YES_NO = auto()
    NOTHING = auto()
    UNTYPED = auto()
    """From the environment, where everything is text."""


@dataclass(frozen=True)
class Scalar:
    """One value as it was written, and where."""

    text: str
    kind: Kind
    place: str

    def __str__(self) -> str:
        match self.kind:
            case Kind.NOTHING:
                return "nothing"
            case Kind.TEXT | Kind.UNTYPED:
                return repr(self.text)
            case Kind.YES_NO | Kind.NUMBER:
                return self.text


class WrongValue(ValueError):
    """A value is not what its setting expects; the message says both."""


def scalar_from_yaml(node: yaml.ScalarNode, place: str) -> Scalar:
    """Return the scalar of a YAML node; numbers in other than plain decimal notation stay text."""
    if node.style is not None:
        return Scalar(node.value, Kind.TEXT, place)
    if node.tag == "tag:yaml.org,2002:null":
        return Scalar("", Kind.NOTHING, place)
    if node.tag == "tag:yaml.org,2002:bool":
        return Scalar(node.value, Kind.YES_NO, place)
    return Scalar(node.value, Kind.NUMBER if _is_number(node.value) else Kind.TEXT, place)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", text))


def text_value(scalar: Scalar) -> str:
    """Read text. ``NO`` and ``12`` without quotes are not text in YAML: the message says so."""
    if scalar.kind in (Kind.YES_NO, Kind.NUMBER):
        raise WrongValue(f'expected text, found {scalar} (for text, write "{scalar.text}" in quotes)')
    if scalar.kind is Kind.NOTHING:
        raise WrongValue("expected text, found nothing")
    return scalar.text


def whole_number(scalar: Scalar) -> int:
    """Read an integer in plain decimal notation."""
    if scalar.kind not in (Kind.NUMBER, Kind.UNTYPED) or not WHOLE_NUMBER_PATTERN.fullmatch(scalar.text):
        raise WrongValue(f"expected a whole number, found {scalar}")
    return int(scalar.text)


def number(scalar: Scalar) -> float:
    """Read a finite number."""
    if scalar.kind not in (Kind.NUMBER, Kind.UNTYPED) or not _is_number(scalar.text):
        raise WrongValue(f"expected a number, found {scalar}")
    value = float(scalar.text)
    if not math.isfinite(value):
        raise WrongValue(f"expected a finite number, found {scalar}")
    return value


def yes_no(scalar: Scalar) -> bool:
    """Read true or false."""
    value = YES_NO.get(scalar.text.lower()) if scalar.kind in (Kind.YES_NO, Kind.UNTYPED) else None
    if value is None:
        raise WrongValue(f"expected true or false, found {scalar}")
    return value


def choice(scalar: Scalar, choices: type[StrEnum]) -> StrEnum:
    """Read one member of a closed set."""
    text = text_value(scalar)
    if text not in [member.value for member in choices]:
        raise WrongValue(f"expected one of {', '.join(choices)}, found {text!r}")
    return choices(text)


def path_value(scalar: Scalar, base: Path) -> Path:
    """Read a path; a relative one starts at ``base``, the folder of the configuration file."""
    text = text_value(scalar)
    if not text.strip() or "\0" in text:
        raise WrongValue(f"expected a path, found {text!r}")
    return base / Path(text).expanduser()


# What a value must be beyond its type -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _AtLeast:
    lowest: float

    def __call__(self, value: float) -> None:
        if value < self.lowest:
            raise WrongValue(f"expected at least {self.lowest:g}, found {value:g}")

    @property
    def bounds(self) -> dict[str, float]:
        return {"minimum": self.lowest}


@dataclass(frozen=True)
class _AboveZero:
    def __call__(self, value: float) -> None:
        if value <= 0:
            raise WrongValue(f"expected more than 0, found {value:g}")

    @property
    def bounds(self) -> dict[str, float]:
        return {"exclusiveMinimum": 0}


@dataclass(frozen=True)
class _Port:
    lowest: int

    def __call__(self, value: int) -> None:
        if not self.lowest <= value <= MAX_PORT:
            raise WrongValue(f"expected a port from {self.lowest} to {MAX_PORT}, found {value}")

    @property
    def bounds(self) -> dict[str, float]:
        return {"minimum": self.lowest, "maximum": MAX_PORT}


def _ae_title(value: str) -> None:
    try:
        checked_ae_title(value)
    except ValueError as error:
        raise WrongValue(str(error)) from error


def _host(value: str) -> None:
    if not value or not re.fullmatch(r"[A-Za-z0-9._:%-]+", value):
        raise WrongValue(f"expected a host name or an IP address without a port, found {value!r}")
    if re.fullmatch(r"[^:]+:[0-9]+", value):
        raise WrongValue(f"expected a host without a port (the port is a setting of its own), found {value!r}")


def _redis_url(value: str) -> None:
    if redis_parts(value) is None:
        # The value may hold a password: it is not repeated.
        raise WrongValue(f"{EXPECTED_URL}, found something else")


def _target_name(value: str) -> None:
    if not TARGET_NAME_PATTERN.fullmatch(value):
        raise WrongValue(f"expected a name of letters, digits, _ and - (at most 32; it names a file), found {value!r}")


def _network(value: str) -> None:
    try:
        network(value)
    except ValueError as error:
        raise WrongValue(f"expected an IP address or a network such as 192.0.2.0/24, found {value!r}") from error


def _fingerprint(value: str) -> None:
    try:
        plain_fingerprint(value)
    except ValueError as error:
        raise WrongValue(str(error)) from error


def _header(value: str) -> None:
    if not HEADER_PATTERN.fullmatch(value):
        raise WrongValue(f"expected the name of an HTTP header, such as X-Api-Key, found {value!r}")


CHECKS: Mapping[str, Callable[..., None]] = {
    "ae_title": _ae_title,
    "calling_ae_titles": _ae_title,
    "host": _host,
    "metrics_host": _host,
    "addresses": _network,
    "certificate_fingerprint": _fingerprint,
    "listener.port": _Port(0),
    "sink.port": _Port(0),
    "status_page.port": _Port(0),
    "newest": _AtLeast(1),
    "studies_days": _AtLeast(1),
    "done_days": _AtLeast(1),
    "dropped_days": _AtLeast(1),
    "failed_days": _AtLeast(1),
    "quarantine_days": _AtLeast(1),
    "metrics_port": _Port(0),
    "port": _Port(1),
    "redis.url": _redis_url,
    "name": _target_name,
    "settle_seconds": _AtLeast(0),
    "settle_unreferenced_seconds": _AtLeast(0),
    "min_free_bytes": _AtLeast(0),
    "max_pdu_bytes": _AtLeast(4096),
    "max_associations": _AtLeast(1),
    "max_associations_per_peer": _AtLeast(1),
    "max_attempts": _AtLeast(1),
    "breaker_failures": _AtLeast(1),
    "commitment_wait_seconds": _AtLeast(0),
    "max_object_bytes": _AtLeast(1024),
    "max_inflated_bytes": _AtLeast(1024),
    "max_job_memory_bytes": _AtLeast(64 * 1024**2),
    "max_headers_bytes": _AtLeast(1024),
    "max_images": _AtLeast(1),
    "max_frames": _AtLeast(1),
    "max_voxels": _AtLeast(1),
    "max_segments": _AtLeast(1),
    "max_header_bytes": _AtLeast(1024),
    "max_sequence_depth": _AtLeast(8),
    "max_sequence_items": _AtLeast(1000),
    "max_referenced_instances": _AtLeast(1),
    "max_quarantine_bytes": _AtLeast(0),
    "max_quarantine_objects": _AtLeast(0),
    "max_pending_connections": _AtLeast(1),
    "max_pending_connections_per_peer": _AtLeast(1),
    "max_objects_per_association": _AtLeast(1),
    "min_bytes_per_second": _AtLeast(1),
    "concurrency": _AtLeast(1),
    "give_up_hours": _AtLeast(1),
    "secret_header": _header,
}
"""By full name, or else by the last part of the name; every other ``..._seconds`` must be above zero."""


def check_value(name: str, value: object) -> None:
    """Check one value (or one item of a list) of the setting ``name``, such as ``listener.port``.

    Raises
    ------
    WrongValue
        If it has the right type and cannot be used.
    """
    check = _check_of(name)
    if check is not None:
        check(value)


def bounds_of(name: str) -> dict[str, float]:
    """Return the bounds of a number in the words of JSON Schema; empty where it has none."""
    return dict(getattr(_check_of(name), "bounds", {}))


def _check_of(name: str) -> Callable[..., None] | None:
    last = name.rsplit(".", maxsplit=1)[-1]
    check = CHECKS.get(name) or CHECKS.get(last)
    return _AboveZero() if check is None and last.endswith("_seconds") else check
