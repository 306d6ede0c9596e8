"""The registry as a worker sees it: a signature is usable only where this installation measures what it should."""

import os
from dataclasses import replace
from pathlib import Path

import structlog

from listener.spool.atomic_files import write_bytes
from model_store.errors import SignatureError
from model_store.signatures.profile import FeatureProfile
from model_store.signatures.registry import Registry
from model_store.signatures.signature import Signature
from workers.features.canary import difference, expected_of

log = structlog.get_logger()

MARK = "feature_canary_differs"


class CheckedRegistry(Registry):
    """A registry whose active signature passes the feature canary in the processes that score.

    The first of them that measures something else leaves a mark: from then on no process of this worker scores, and
    its readiness and metrics, which the main process serves, say so. The main process measures nothing itself: ITK's
    threads must not be there when it forks.
    """

    def __init__(self, root: Path, shared: Path) -> None:
        """``shared`` is a folder of this worker alone."""
        super().__init__(root)
        self._mark = shared / MARK
        self._measures_here = False
        self._passed: set[str] = set()

    def measure_here(self) -> None:
        """Check the features from now on: call it in a process that scores."""
        self._measures_here = True

    def active(self) -> Signature:
        """Return the signature that scores now.

        In a process that scores it carries no notes of other library versions where both canaries, the signature's and
        that of the features, gave what they should: nothing in a report then differs from what training gave.

        Raises
        ------
        SignatureError
            None is active, it fails a check, or features are not measured as they should be.
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
        found = difference(profile)
        if found is None:
            self._passed.add(profile.name)
            return
        log.error("feature_canary_differs", pid=os.getpid(), profile=profile.name, found=found)
        write_bytes(self._mark, found.encode())
