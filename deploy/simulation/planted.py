"""What is planted in a simulated cohort, and the performance that its images allow.

Every patient has an inflammation, the latent variable: normally distributed in each phenotype, around different means.
Images, expression, survival and response depend on it and on chance. Site and scanner change the images and nothing
else. So the AUC that any signature can reach is known.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from model_store.statistics.performance import auc_with_interval

TRAIT_NOISE = {"mottle": 0.04 / 0.38, "mottle_mm": 0.7 / 3.8, "rim": 0.10 / 0.72, "halo": 0.05 / 0.48}
"""Chance in each trait of a simulated tumour, in units of inflammation (`deploy.simulation.tumour.draw_traits`)."""
DRAWS = 4000
MEASURED_CORRELATION = 0.83
"""Of the inflammation with what 958 measured features say about it: ridge regression on their ranks, 10-fold
cross-validated, on the cohort of seed 1 with 80 patients and three sites. Measured once, and not on what is tested.
"""
TYPICAL_CORRELATION = 0.55
"""Of the inflammation with one feature that it was planted in: median of ranks over those features, on the cohorts of
seeds 11 and 12 with 40 patients and three sites. Planted are features that move the same way in each of eight tumours
whose inflammation alone is raised. Measured once, and not on what is tested.
"""


@dataclass(frozen=True)
class Planted:
    """The effect."""

    hot_mean: float = 0.68
    cold_mean: float = 0.32
    spread: float = 0.20
    """Standard deviation of the inflammation inside a phenotype."""
    hot_share: float = 0.4
    log_hazard_ratio: float = -1.0
    """Of death, for one unit of `separation` more inflammation (from the cold mean to the hot one)."""
    effect: bool = True
    """Without it the phenotype is drawn apart from the inflammation: no signature can find it."""

    @property
    def separation(self) -> float:
        """Between the phenotypes' means."""
        return self.hot_mean - self.cold_mean

    def latent_auc(self) -> float:
        """Return the AUC of the inflammation itself: no measurement can be better."""
        return self._auc(0.0)

    def image_auc(self) -> float:
        """Return the AUC of the best estimate of the inflammation from a tumour's four traits, known exactly."""
        return self._auc(1 / sum(1 / noise**2 for noise in TRAIT_NOISE.values()))

    def measured_auc(self) -> float:
        """Return the AUC of the inflammation as it can be estimated from measured features, with voxels and noise."""
        return self._read_by(MEASURED_CORRELATION)

    def single_auc(self) -> float:
        """Return the AUC of one feature that the inflammation was planted in."""
        return self._read_by(TYPICAL_CORRELATION)

    def _read_by(self, correlation: float) -> float:
        share = self.hot_share * (1 - self.hot_share)
        variance = self.spread**2 + share * self.separation**2
        return self._auc(variance * (1 / correlation**2 - 1))

    def _auc(self, noise_variance: float) -> float:
        if not self.effect:
            return 0.5
        return float(norm.cdf(self.separation / np.sqrt(2 * (self.spread**2 + noise_variance))))

    def measured_interval(self, hot: int, cold: int, seed: int) -> tuple[float, float]:
        """Return where the AUC of `measured_auc` lies in 95 % of cohorts of this size."""
        return _interval(self.measured_auc(), hot, cold, seed)

    def signature_interval(self, hot: int, cold: int, seed: int) -> tuple[float, float]:
        """Return where the AUC of a signature lies that learnt from the phenotypes of a cohort of this size.

        It is told who is hot and not how inflamed they are, and of few patients: so it reads more than one planted
        feature does, and less than all of them could. The interval spans both, each with its chance of 95 %.
        """
        low, _ = _interval(self.single_auc(), hot, cold, seed)
        return low, _interval(self.measured_auc(), hot, cold, seed)[1]


def _interval(auc: float, hot: int, cold: int, seed: int) -> tuple[float, float]:
    """Return where an AUC lies in 95 % of cohorts of this size, by drawing such cohorts."""
    rng = np.random.default_rng(seed)
    # Two normal distributions of variance 1 whose AUC is this one.
    distance = float(norm.ppf(auc) * np.sqrt(2))
    truth = np.repeat([True, False], [hot, cold])
    values = [auc_with_interval(truth, rng.standard_normal(hot + cold) + distance * truth).value for _ in range(DRAWS)]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def planted_summary(
    planted: Planted, hot: NDArray[np.bool_], inflammation: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """Return what was planted in a simulated cohort, as JSON values."""
    size = int(hot.sum()), int((~hot).sum())
    drawn = auc_with_interval(hot, inflammation)
    return {
        "patients": len(hot),
        "hot": int(hot.sum()),
        "latent_auc": planted.latent_auc(),
        "image_auc": planted.image_auc(),
        "measured_auc": planted.measured_auc(),
        "measured_auc_interval": planted.measured_interval(*size, seed),
        "single_auc": planted.single_auc(),
        "signature_auc_interval": planted.signature_interval(*size, seed),
        "latent_auc_in_this_cohort": drawn.value,
        "log_hazard_ratio": planted.log_hazard_ratio if planted.effect else 0.0,
        "planted_in": [
            "tumour: mottled uptake (coarser and stronger when cold)",
            "tumour and inner ring: brighter rim when cold",
            "outer ring: halo of uptake when hot",
        ],
        "nuisance": ["site and scanner: voxel size, noise, gain", "size, irregularity and uptake of the tumour"],
    }
