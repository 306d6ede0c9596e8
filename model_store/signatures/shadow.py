"""The shadow: a second signature that scores every case beside the active one, for comparison only.

``<root>/shadow.json`` points to it, with the history of its moves; it is replaced by one rename, so that a worker sees
the next shadow at its next case. A shadow must have the active signature's profile: it is scored on the features that
were measured for the active one, so it costs one more prediction and cannot change a result. A shadow with another
profile would mean to measure every case twice; it is refused. Score such a signature on a feature table instead.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from model_store.errors import SignatureError
from model_store.files import readable_json, replace_durably
from model_store.json_records import as_json, record_of
from model_store.signatures.registry import Registry, require_scorable_by_service
from model_store.signatures.signature import Signature, profile_difference


@dataclass(frozen=True)
class ShadowMove:
    """One move of the pointer; no name: from then on there was no shadow."""

    name: str
    digest: str
    when: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class ShadowPointer:
    """What ``shadow.json`` holds."""

    history: tuple[ShadowMove, ...]
    """Every move of the pointer, the oldest first."""


class Shadow:
    """The shadow of a registry. Keeps the loaded signature, and the failure of one that cannot be loaded, in memory."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._loaded: Signature | None = None
        self._failed: tuple[str, str] | None = None
        """Digest and message: what failed once is not read again for every case."""

    def current(self) -> ShadowMove | None:
        """Return the pointer without reading the bundle; None where there is no shadow."""
        history = self.history()
        return history[-1] if history and history[-1].name else None

    def history(self) -> list[ShadowMove]:
        """Return every move of the pointer, the oldest first.

        Raises
        ------
        SignatureError
            The file cannot be read.
        """
        path = self.registry.root / "shadow.json"
        try:
            return list(record_of(ShadowPointer, json.loads(path.read_bytes())).history)
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise SignatureError(f"{path} cannot be read: {error}; move it away and set the shadow again") from error

    def signature(self) -> Signature | None:
        """Return the shadow, verified; None where there is none.

        Raises
        ------
        SignatureError
            It fails a check.
        """
        current = self.current()
        if current is None:
            return None
        if self._failed is not None and self._failed[0] == current.digest:
            raise SignatureError(self._failed[1])
        if self._loaded is None or self._loaded.digest != current.digest:
            try:
                self._loaded = self._verified(current)
            except SignatureError as error:
                self._failed = (current.digest, str(error))
                raise
        return self._loaded

    def set(self, reference: str) -> ShadowMove:
        """Let a published signature score beside the active one from the next case on.

        Raises
        ------
        SignatureError
            It fails a check, is the active one, or has another profile.
        """
        signature, active = self.registry.verify(reference), self.registry.active()
        if signature.digest == active.digest:
            raise SignatureError(f"{signature.name} is the active signature; the shadow must be a different one")
        require_same_profile(active, signature)
        require_scorable_by_service(signature)
        return self._move(ShadowMove(signature.name, signature.digest, _now()))

    def clear(self) -> None:
        """End the shadow."""
        if self.current() is not None:
            self._move(ShadowMove("", "", _now()))

    def _verified(self, current: ShadowMove) -> Signature:
        found = self.registry.verify(current.name)
        if found.digest != current.digest:
            raise SignatureError(f"{current.name} is not the bundle that was made the shadow: publish it again")
        return found

    def _move(self, move: ShadowMove) -> ShadowMove:
        with self.registry.locked():
            pointer = ShadowPointer((*self.history(), move))
            replace_durably(self.registry.root / "shadow.json", readable_json(as_json(pointer)))
        return move


def require_same_profile(active: Signature, shadow: Signature) -> None:
    """Raise unless both measure alike: the shadow is scored on the features of the active one.

    Raises
    ------
    SignatureError
        They do not; the message names the fields.
    """
    differing = [name for name in profile_difference(active.profile, shadow.profile) if name != "name"]
    if differing:
        raise SignatureError(
            f"{shadow.name} has another profile than the active {active.name} ({', '.join(differing)} differ): a "
            "shadow is scored on the features of the active one; compare them on feature tables instead, with "
            "radtme signature compare --table"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
