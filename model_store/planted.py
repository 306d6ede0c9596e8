"""What is planted in a simulated cohort, and what a perfect reader of its images could make of it.

Every patient has an inflammation, the latent variable: normally distributed in each phenotype, around different means.
Images, expression, survival and response depend on it and on chance. Site and scanner change the images and nothing
else. So the AUC that any signature can reach is known.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from model_store.validation import auc_with_interval

TRAIT_NOISE = {"mottle": 0.04 / 0.38, "mottle_mm": 0.7 / 3.8, "rim": 0.10 / 0.72, "halo": 0.05 / 0.48}
"""Chance in each trait of a simulated tumour, in units of inflammation (`deploy.phantom_tumour.draw_traits`)."""
DRAWS = 4000
MEASURED_CORRELATION = 0.83
"""Of the inflammation with what 958 measured features say about it: ridge regression on their ranks, 10-fold
cross-validated, on the cohort of seed 1 with 80 patients and three sites. Measured once, and not on what is tested.
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
        """Return the AUC of what measured features say about the inflammation, voxels and noise being what they are."""
        share = self.hot_share * (1 - self.hot_share)
        variance = self.spread**2 + share * self.separation**2
        return self._auc(variance * (1 / MEASURED_CORRELATION**2 - 1))

    def _auc(self, noise_variance: float) -> float:
        if not self.effect:
            return 0.5
        return float(norm.cdf(self.separation / np.sqrt(2 * (self.spread**2 + noise_variance))))

    def predicted_interval(self, hot: int, cold: int, seed: int) -> tuple[float, float]:
        """Return where the AUC of measured features lies in 95 % of cohorts of this size, by drawing such cohorts."""
        rng = np.random.default_rng(seed)
        auc = self.measured_auc()
        # Two normal distributions of variance 1 whose AUC is this one.
        distance = float(norm.ppf(auc) * np.sqrt(2))
        truth = np.repeat([True, False], [hot, cold])
        values = [
            auc_with_interval(truth, rng.standard_normal(hot + cold) + distance * truth).value for _ in range(DRAWS)
        ]
        low, high = np.quantile(values, [0.025, 0.975])
        return float(low), float(high)


def planted_summary(
    planted: Planted, hot: NDArray[np.bool_], inflammation: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """Return what the simulation says about a cohort that was drawn: JSON values."""
    low, high = planted.predicted_interval(int(hot.sum()), int((~hot).sum()), seed)
    drawn = auc_with_interval(hot, inflammation)
    return {
        "patients": len(hot),
        "hot": int(hot.sum()),
        "latent_auc": planted.latent_auc(),
        "image_auc": planted.image_auc(),
        "measured_auc": planted.measured_auc(),
        "measured_auc_interval": [low, high],
        "latent_auc_in_this_cohort": drawn.value,
        "log_hazard_ratio": planted.log_hazard_ratio if planted.effect else 0.0,
        "planted_in": [
            "tumour: mottled uptake (coarser and stronger when cold)",
            "tumour and inner ring: brighter rim when cold",
            "outer ring: halo of uptake when hot",
        ],
        "nuisance": ["site and scanner: voxel size, noise, gain", "size, irregularity and uptake of the tumour"],
    }
