"""The registry: the published signatures, and the active one.

    <root>/bundles/<id>-<version>-<digest>/          published bundles, never changed
    <root>/incoming/                                 bundles that are being copied
    <root>/active.json                               the pointer, with the history of activations
    <root>/lock                                      held (flock) while someone publishes or activates

The pointer and its history are one file that is replaced by one rename, so they never disagree and a running worker
sees the next signature at its next case, without a restart.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from model_store.errors import SignatureError
from model_store.files import readable_json, replace_durably, sync_folder, write_durably
from model_store.json_records import as_json, record_of
from model_store.signatures.bundle import load_bundle, move_verified
from model_store.signatures.signature import Signature

SHIPPED = Path(__file__).parent / "shipped"
SHIPPED_AS_FORMAT_1 = "radtme-research-phantom-1.0.0-38e4d0203450"
"""A former shipped signature, which the service cannot read: it needs pyarrow."""


class RegistryAction(StrEnum):
    """What moved the pointer."""

    ACTIVATE = "activate"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Activation:
    """One move of the pointer."""

    name: str
    """The bundle that scores from then on."""
    digest: str
    when: str
    """UTC, ISO 8601."""
    action: RegistryAction


@dataclass(frozen=True)
class ActivePointer:
    """What ``active.json`` holds."""

    active: str
    """The name of the bundle that scores."""
    history: tuple[Activation, ...]
    """Every move of the pointer, the oldest first."""


class Registry:
    """A folder of signatures with one active. Safe for several processes at once; keeps the active one in memory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._loaded: Signature | None = None

    def active(self) -> Signature:
        """Return the signature that scores now: reads the pointer, and the bundle only when it is another one.

        Raises
        ------
        SignatureError
            None is active, or it fails a check.
        """
        current = self.current()
        if current is None:
            raise SignatureError(f"no signature is active in {self.root}: radtme signature activate NAME")
        if self._loaded is None or self._loaded.digest != current.digest:
            self._loaded = self._load(current.name, current.digest)
        return self._loaded

    def current(self) -> Activation | None:
        """Return the pointer without reading the bundle; None when nothing was activated yet."""
        history = self.history()
        return history[-1] if history else None

    def history(self) -> list[Activation]:
        """Return every move of the pointer, the oldest first."""
        path = self.root / "active.json"
        try:
            return list(record_of(ActivePointer, json.loads(path.read_bytes())).history)
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise SignatureError(f"{path} cannot be read: {error}; move it away and activate a signature") from error

    def names(self) -> list[str]:
        """Return the names of the published bundles, sorted."""
        folder = self.root / "bundles"
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def find(self, reference: str) -> str:
        """Return the name of the one bundle whose name or digest begins with ``reference``.

        Raises
        ------
        SignatureError
            None does, or several do.
        """
        names = self.names()
        found = [name for name in names if name == reference] or [
            name for name in names if name.startswith(reference) or name.rpartition("-")[2].startswith(reference)
        ]
        if len(found) == 1 and reference:
            return found[0]
        what = f"{len(found)} signatures match" if found else "no signature matches"
        raise SignatureError(f"{what} {reference!r}; available: {', '.join(names) or 'none'}")

    def verify(self, reference: str) -> Signature:
        """Read a published bundle with every check, from disk."""
        return self._load(self.find(reference))

    def publish(self, bundle: Path) -> str:
        """Copy a bundle into the registry and return its name. The same bundle twice is the same as once.

        Raises
        ------
        SignatureError
            The bundle fails a check, or another one has the same id and version.
        """
        signature = load_bundle(bundle)
        with self.locked():
            self._refuse_other_content(signature)
            incoming = self.root / "incoming"
            incoming.mkdir(exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=incoming))
            try:
                folder.chmod(0o755)
                for path in sorted(bundle.iterdir()):
                    write_durably(folder / path.name, path.read_bytes())
                sync_folder(folder)
                move_verified(folder, self.root / "bundles" / signature.name)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        return signature.name

    def activate(self, reference: str) -> Activation:
        """Let a published signature score from now on, after every check."""
        with self.locked():
            return self._point_to(self.find(reference), RegistryAction.ACTIVATE)

    def rollback(self) -> Activation:
        """Activate the signature that was active before; a second rollback activates the one before that.

        Raises
        ------
        SignatureError
            There is none before.
        """
        with self.locked():
            before = rollback_chain(self.history())[:-1]
            if not before:
                raise SignatureError("there is no earlier signature to return to; see radtme signature list")
            return self._point_to(before[-1], RegistryAction.ROLLBACK)

    def awaits_shipped(self) -> bool:
        """Whether the signature that comes with the program is to be activated.

        True where none ever was, and where a former one is active in the format that the service cannot read.
        """
        current = self.current()
        return current is None or current.name == SHIPPED_AS_FORMAT_1

    def ensure_shipped(self) -> None:
        """Publish the research signature that comes with the program, and activate it where it is awaited."""
        bundle = shipped_bundle()
        if bundle.name not in self.names():
            self.publish(bundle)
        if self.awaits_shipped():
            with self.locked():
                # Asked again: another process may have been faster, or a person may have chosen.
                if self.awaits_shipped():
                    self._point_to(bundle.name, RegistryAction.ACTIVATE)

    def _load(self, name: str, digest: str | None = None) -> Signature:
        signature = load_bundle(self.root / "bundles" / name)
        if digest not in (None, signature.digest):
            raise SignatureError(f"{name} is not the bundle that was activated: publish and activate it again")
        return signature

    def _point_to(self, name: str, action: RegistryAction) -> Activation:
        signature = self._load(name)
        require_scorable_by_service(signature)
        move = Activation(name, signature.digest, datetime.now(UTC).isoformat(timespec="microseconds"), action)
        pointer = ActivePointer(name, (*self.history(), move))
        replace_durably(self.root / "active.json", readable_json(as_json(pointer)))
        return move

    def _refuse_other_content(self, signature: Signature) -> None:
        """One id and version means one content: a report that names them must not be ambiguous."""
        same = f"{signature.id}-{signature.version}-"
        for name in self.names():
            if name.startswith(same) and len(name) == len(signature.name) and name != signature.name:
                raise SignatureError(f"{name} has the same id and version but different content: increase the version")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the registry's lock; it ends with the process that holds it."""
        try:
            (self.root / "bundles").mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise SignatureError(f"{self.root} cannot be written: {error.strerror}") from error
        try:
            # Two commands at the same time would otherwise read the same history.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def require_scorable_by_service(signature: Signature) -> None:
    """Refuse a signature that needs more than images.

    Raises
    ------
    SignatureError
        It takes columns of a study's own.
    """
    if signature.own_columns:
        names = ", ".join(one.column for one in signature.own_columns)
        raise SignatureError(
            f"{signature.name} takes {names}, which no image states, so the service cannot score with it: score tables "
            "with radtme signature score --own"
        )


def rollback_chain(history: list[Activation]) -> list[str]:
    """Return the names that a rollback can still go through, the active one last."""
    names: list[str] = []
    for move in history:
        if move.action is RegistryAction.ROLLBACK:
            names.pop()
        elif not names or names[-1] != move.name:
            names.append(move.name)
    return names


def shipped_bundle() -> Path:
    """Return the folder of the signature that comes with the program."""
    bundles = [path for path in SHIPPED.glob("[!.]*") if path.is_dir()] if SHIPPED.is_dir() else []
    if len(bundles) != 1:
        raise SignatureError(f"this installation ships {len(bundles)} signatures instead of one: install radtme again")
    return bundles[0]
