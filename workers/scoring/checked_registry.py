"""The workers' registry: a signature is usable only where this installation measures features correctly."""

import os
from dataclasses import replace
from pathlib import Path

from listener.runtime.logger import Logger
from listener.spool.atomic_files import write_bytes
from model_store.errors import SignatureError
from model_store.signatures.profile import FeatureProfile
from model_store.signatures.registry import Registry
from model_store.signatures.signature import Signature
from workers.features.canary import difference, expected_of
from workers.features.engine.choice import Engine

log = Logger(__name__)

MARK = "features_differ"


class CheckedRegistry(Registry):
    """A registry whose active signature must pass the feature canary in the processes that score.

    The first process that measures a different value, in the canary or in a case that both feature engines measure,
    leaves a mark file: no process of this worker then scores, and
    readiness and metrics, which the main process serves, report it. The main process does not measure, because ITK's
    threads must not exist when it forks.
    """

    def __init__(self, root: Path, shared: Path, engine: Engine = Engine.RADTME) -> None:
        """Open the registry in ``root``; ``shared`` is a folder for the processes of this worker only.

        ``engine`` measures the canary: the one that measures the cases.
        """
        super().__init__(root)
        self._engine = engine
        self._mark = shared / MARK
        self._measures_here = False
        self._passed: set[str] = set()

    def measure_here(self) -> None:
        """Check the features from now on: to be called in a process that scores."""
        self._measures_here = True

    def active(self) -> Signature:
        """Return the active signature.

        In a process that scores, notes about other library versions are removed if both canaries, that of the signature
        and that of the features, passed: results then equal those of training.

        Raises
        ------
        SignatureError
            None is active, it fails a check, or features are measured with unexpected values.
        """
        signature = super().active()
        if self._measures_here and signature.profile.name not in self._passed:
            self._check(signature.profile)
        if self._mark.exists():
            raise SignatureError(self._mark.read_text())
        if self._measures_here and expected_of(signature.profile):
            return replace(signature, notes=())
        return signature

    def _check(self, profile: FeatureProfile) -> None:
        found = difference(profile, self._engine)
        if found is None:
            self._passed.add(profile.name)
            return
        log.error("feature_canary_differs", pid=os.getpid(), profile=profile.name, found=found)
        self.stop(found)

    def stop(self, found: str) -> None:
        """End the scoring of all processes of this worker; ``found`` is the reason, without patient data."""
        write_bytes(self._mark, found.encode())
