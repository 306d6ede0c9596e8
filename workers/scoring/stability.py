"""Stability of a score: the signature's scores of outlines that are redrawn within reader variation.

The number of redrawn outlines follows from their predicted time, never from a clock: the same case gets the same range
on a busy machine and on an idle one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from billiard.exceptions import SoftTimeLimitExceeded
from threadpoolctl import threadpool_limits

from listener.runtime.logger import Logger
from listener.runtime.safe_errors import stack_locations
from model_store.signatures.canary import hot_probability
from model_store.signatures.signature import Signature
from workers.features.engine.choice import Engine
from workers.features.extraction import wanted_classes
from workers.features.redraws import Redraw, Surroundings, measure_redraws, outline_voxels, redraws_of
from workers.features.regions import RegionMeasurement
from workers.limits import is_out_of_memory
from workers.scoring.case_result import NotRedrawn, Stability

log = Logger(__name__)

MAX_REDRAWS = 10
MIN_REDRAWS = 6
"""With fewer, no range is reported: a range grows with the number of redraws."""


@dataclass(frozen=True)
class Cost:
    """Time of a redraw in seconds of one core, with radtme's engine on balls of 12 to 80 mm and on br06.

    Only ratios matter: a machine that is half as fast takes twice the configured time. They were measured under a load
    of 9 to 11 on 2 cores, and predict each of these cases to 3 %.
    """

    per_source_voxel: float = 2.6e-8
    """Redrawing, per voxel of the box around the outline."""
    per_resampled_voxel: float = 4.6e-8
    """Computing the ring, and the share of the filters, per voxel of the box around the ring."""
    per_class: float = 4.7e-4
    """Per feature class, for one image in one region."""
    per_class_voxel: float = 5.5e-8
    """Per feature class and voxel of the region."""
    per_shape_voxel: float = 6.0e-8
    """Shape, per voxel of the region."""
    per_shape_voxel_squared: float = 0.0
    """Shape, per squared number of voxels of the region, where diameters compare all pairs of vertices."""


COSTS: Mapping[Engine, Cost] = MappingProxyType(
    {
        Engine.RADTME: Cost(),
        Engine.PYRADIOMICS: Cost(
            per_resampled_voxel=2.4e-7,
            per_class=1.0e-3,
            per_class_voxel=2.3e-7,
            per_shape_voxel=0.0,
            per_shape_voxel_squared=1.3e-10,
        ),
    }
)
"""By the engine that measures; pyradiomics is 3.0.1."""


def stability_of(
    signature: Signature,
    surroundings: Surroundings,
    regions: Sequence[RegionMeasurement],
    own_score: float,
    budget_seconds: float,
    scanner: str,
) -> Stability | NotRedrawn:
    """Return the range of scores of redrawn outlines, including the case's own score, or the reason for none.

    A defect that only redraws meet is logged and does not cost the case its score. The limits of time and memory are
    those of the whole case: both pass through.
    """
    try:
        return _stability(signature, surroundings, regions, own_score, budget_seconds, scanner)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        log.error("stability_internal_error", error=type(error).__name__, at=stack_locations(error))
        return NotRedrawn(f"an internal error ({type(error).__name__}) while redrawn outlines were measured")


def _stability(
    signature: Signature,
    surroundings: Surroundings,
    regions: Sequence[RegionMeasurement],
    own_score: float,
    budget_seconds: float,
    scanner: str,
) -> Stability | NotRedrawn:
    if budget_seconds == 0:
        return NotRedrawn("redrawing is switched off (workers.stability_seconds is 0)")
    each = predicted_seconds(signature, surroundings, regions)
    count = min(MAX_REDRAWS, int(budget_seconds / each))
    if count < MIN_REDRAWS:
        return NotRedrawn(
            f"{MIN_REDRAWS} redrawn outlines of this size take about {MIN_REDRAWS * each:.0f} s, more than the "
            f"{budget_seconds:g} s of workers.stability_seconds"
        )
    # As for the features of the case: with one thread, rounding is the same on every machine.
    with threadpool_limits(1):
        drawn = [one for one in redraws_of(surroundings, count, signature.profile) if one is not None]
        scores = _scores(signature, surroundings, drawn, scanner)
    if len(scores) < MIN_REDRAWS:
        return NotRedrawn(
            f"{len(scores)} of {count} redrawn outlines can be measured; at least {MIN_REDRAWS} are needed"
        )
    return Stability(min(own_score, *scores), max(own_score, *scores), len(scores), count)


def predicted_seconds(signature: Signature, surroundings: Surroundings, regions: Sequence[RegionMeasurement]) -> float:
    """Return the predicted time of one redraw in seconds; for an outline it is the same on every machine."""
    cost = COSTS[surroundings.engine]
    source, resampled = outline_voxels(surroundings, signature.profile)
    seconds = cost.per_source_voxel * source + cost.per_resampled_voxel * resampled
    for region in regions:
        shape, others = wanted_classes(signature.columns, region.region, signature.profile)
        seconds += others * (cost.per_class + cost.per_class_voxel * region.voxels)
        seconds += shape * (cost.per_shape_voxel + cost.per_shape_voxel_squared * region.voxels) * region.voxels
    return seconds


def _scores(signature: Signature, surroundings: Surroundings, drawn: Sequence[Redraw], scanner: str) -> list[float]:
    """Return the scores of those outlines that have all features of the signature."""
    if not drawn:
        return []
    measured = measure_redraws(surroundings, drawn, signature.profile, signature.columns)
    rows = np.array([[values.get(column, np.nan) for column in signature.columns] for values in measured])
    complete = signature.harmonised(rows[np.isfinite(rows).all(axis=1)], scanner)
    return hot_probability(signature.estimator, complete).tolist() if len(complete) else []
