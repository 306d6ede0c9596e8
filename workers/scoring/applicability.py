"""Checks whether a case's features are within the range that the signature was trained on."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from model_store.signatures.acceptance import Criterion
from model_store.signatures.signature import Signature
from workers.acceptance import Objection
from workers.features.regions import RegionMeasurement
from workers.notes import Note

NAMES_IN_A_MESSAGE = 5


def feature_objections(signature: Signature, regions: Sequence[RegionMeasurement], scanner: str) -> Iterator[Objection]:
    """Yield the objections to scoring: the scanner, single features out of range, and all features taken together."""
    if (known := signature.harmonisation) is not None and not known.knows(scanner):
        yield Objection(
            Criterion.SCANNER,
            f"signature {signature.id} harmonises features between scanners and does not know this one, "
            f"{scanner or 'whose name the images do not state'}; it knows {some(sorted(known.scanners))}",
        )
    outside = out_of_range(signature, regions, scanner)
    limit = signature.acceptance.max_outside_share
    if len(outside) > limit * len(signature.columns):
        yield Objection(
            Criterion.FEATURE_RANGE,
            f"{_count(signature, outside)} outside the range of the training cases, more than the {limit:.0%} that "
            f"signature {signature.id} accepts: {some(outside)}: check that the outline lies on the tumour, on the "
            "phase after contrast",
        )

    if signature.distance is not None and signature.acceptance.max_training_distance is not None:
        values = taken_values(signature, regions, scanner)
        row = np.array([[values[name] for name in signature.columns]], dtype=np.float64)
        distance, most = float(signature.distance.of(row)[0]), signature.acceptance.max_training_distance
        if distance > most:
            yield Objection(
                Criterion.TRAINING_DISTANCE,
                f"the features of the score, taken together, lie {distance:.3g} from the training cases, and signature "
                f"{signature.id} accepts {most:.3g}: check that the outline lies on the tumour, on the phase after "
                "contrast",
            )


def out_of_range_notes(signature: Signature, regions: Sequence[RegionMeasurement], scanner: str) -> tuple[Note, ...]:
    """Return a quality note where some features, but not too many, are outside the range of the training cases."""
    outside = out_of_range(signature, regions, scanner)
    if not outside or len(outside) > signature.acceptance.max_outside_share * len(signature.columns):
        return ()
    return (Note(f"{_count(signature, outside)} outside the range of the training cases: {some(outside)}"),)


def out_of_range(signature: Signature, regions: Sequence[RegionMeasurement], scanner: str) -> list[str]:
    """Return the columns of the score whose values are outside the range of the training cases."""
    values = taken_values(signature, regions, scanner)
    return [name for name in signature.columns if name in values and not signature.ranges[name].holds(values[name])]


def by_column(regions: Sequence[RegionMeasurement]) -> Mapping[str, float]:
    """Return feature values by column name, such as ``ring_original_glcm_Contrast``."""
    return {f"{r.region.value}_{name}": float(value) for r in regions for name, value in r.features.items()}


def taken_values(signature: Signature, regions: Sequence[RegionMeasurement], scanner: str) -> Mapping[str, float]:
    """Return feature values by column name as the estimator takes them: harmonised where the signature does so."""
    measured = by_column(regions)
    if signature.harmonisation is None:
        return measured
    row = np.array([[measured.get(name, np.nan) for name in signature.columns]], dtype=np.float64)
    taken = zip(signature.columns, signature.harmonised(row, scanner)[0].tolist(), strict=True)
    return {**measured, **{name: value for name, value in taken if name in measured}}


def some(names: Sequence[str]) -> str:
    """Return the first names, and the number of further ones."""
    more = len(names) - NAMES_IN_A_MESSAGE
    return ", ".join(names[:NAMES_IN_A_MESSAGE]) + (f" and {more} more" if more > 0 else "")


def _count(signature: Signature, outside: Sequence[str]) -> str:
    return f"{len(outside)} of {len(signature.columns)} features of the score"
