"""Which engine measures a case, and whether the other one checks it."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Engine(StrEnum):
    """The engines, by the name that the configuration gives them."""

    RADTME = "radtme"
    PYRADIOMICS = "pyradiomics"

    @property
    def description(self) -> str:
        """Name and version, as results state them.

        The version of radtme's engine is counted up with each change of values beyond rounding.
        """
        return "radtme 1 (definitions of pyradiomics 3.0.1)" if self is Engine.RADTME else "pyradiomics 3.0.1"


class EngineCheck(StrEnum):
    """How the values of both engines compare in a case that both measured."""

    EQUAL = "equal"
    DIFFERENT = "different"


@dataclass(frozen=True)
class EngineChoice:
    """The engine whose values count."""

    engine: Engine = Engine.RADTME
    is_checked: bool = False
    """Both engines measure, and a difference between them ends the measurement."""

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines that measure."""
        return tuple(Engine) if self.is_checked else (self.engine,)


DEFAULT_ENGINE = EngineChoice()


def engine_for(uid: str, engine: Engine, check_interval: int) -> EngineChoice:
    """Return the choice for the outline ``uid``: one outline in ``check_interval`` is checked, always the same ones.

    pyradiomics alone is not checked: it is configured where the other engine is not trusted.
    """
    if engine is not Engine.RADTME or check_interval == 0:
        return EngineChoice(engine)
    number = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8])
    return EngineChoice(engine, is_checked=number % check_interval == 0)
