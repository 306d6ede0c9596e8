"""Probe inputs with their scores at training: a signature that gives other scores today is refused."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from model_store.errors import UNREADABLE_ARCHIVE, SignatureError
from model_store.signatures import numpy_archive

if TYPE_CHECKING:
    from model_store.signatures.forest import Forest

PROBES = 32
TOLERANCE = 1e-12
"""Rounding may differ between library versions; the vote of a tree may not."""


class Estimator(Protocol):
    """A classifier of cold (0) and hot (1): a `Forest`, or one of scikit-learn."""

    def predict_proba(self, rows: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return the mean votes for both classes, (cases, 2)."""


@dataclass(frozen=True)
class Canary:
    """The probes and their scores."""

    inputs: NDArray[np.float64]
    """(probes, columns)."""
    outputs: NDArray[np.float64]
    """Scores, (probes,)."""


def make_canary(estimator: Estimator, training: NDArray[np.float64], seed: int) -> Canary:
    """Return probes with their scores; they lie between training cases and do not repeat the values of a patient."""
    rng = np.random.default_rng(seed)
    one, other = (training[rng.integers(len(training), size=PROBES)] for _ in range(2))
    inputs = one + rng.random((PROBES, training.shape[1])) * (other - one)
    return Canary(inputs, hot_probability(estimator, inputs))


def hot_probability(estimator: Estimator, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the score of each row (cases, columns): the mean vote for hot, which is not calibrated."""
    return np.asarray(estimator.predict_proba(rows)[:, 1], dtype=np.float64)


def check_canary(canary: Canary, estimator: "Forest") -> None:
    """Raise `SignatureError` where the estimator gives other scores than at training."""
    if canary.inputs.ndim != 2 or canary.inputs.shape[1] != estimator.n_features_in_ or not len(canary.inputs):
        raise SignatureError(f"canary.npz: its probes do not match the estimator's {estimator.n_features_in_} columns")
    if canary.outputs.shape != (len(canary.inputs),):
        raise SignatureError("canary.npz: expected one answer for each probe")
    try:
        difference = np.abs(hot_probability(estimator, canary.inputs) - canary.outputs)
    except ValueError as error:
        raise SignatureError(f"canary.npz: its probes cannot be scored: {error}") from error
    # Written so that NaN is a difference too.
    if not np.all(difference <= TOLERANCE):
        raise SignatureError(
            f"canary.npz: probe {int(np.argmax(difference))} has a different score than at training (difference "
            f"{np.max(difference):.3g}): install the library versions that signature.json names"
        )


def to_npz(canary: Canary) -> bytes:
    """Return the canary as an npz file; the same canary gives the same bytes."""
    return numpy_archive.to_npz({"inputs": canary.inputs, "outputs": canary.outputs})


def from_npz(content: bytes) -> Canary:
    """Read a canary back.

    Raises
    ------
    SignatureError
        This is not such a file.
    """
    try:
        arrays = numpy_archive.from_npz(content)
        return Canary(np.asarray(arrays["inputs"], np.float64), np.asarray(arrays["outputs"], np.float64))
    except UNREADABLE_ARCHIVE as error:
        raise SignatureError(f"canary.npz cannot be read: {error}") from error
