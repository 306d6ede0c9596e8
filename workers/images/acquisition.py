"""Acquisition parameters of images, as the numbers that a signature's acceptance contract may bound."""

import math
from collections.abc import Iterator, Mapping

from model_store.signatures.acceptance import PHASE, TECHNIQUE, AcceptanceContract, Criterion, Parameter
from workers.acceptance import Objection
from workers.images.attributes import text
from workers.images.functional_groups import value_of
from workers.images.volume import Volume
from workers.notes import Note

ATTRIBUTES: Mapping[Parameter, tuple[str, ...]] = {
    Parameter.REPETITION_TIME: ("RepetitionTime",),
    Parameter.ECHO_TIME: ("EchoTime", "EffectiveEchoTime"),
    Parameter.FLIP_ANGLE: ("FlipAngle",),
    Parameter.FIELD_STRENGTH: ("MagneticFieldStrength",),
}
STRONGEST_TESLA = 20.0
"""Tesla. Larger values are in gauss, which some scanners write although PS3.3 section C.8.3.1 requires tesla."""
GAUSS_PER_TESLA = 10_000.0
TECHNIQUE_ATTRIBUTES = ("ScanningSequence", "SequenceVariant", "EchoPulseSequence")
SPACINGS = (Parameter.PIXEL_SPACING, Parameter.SLICE_SPACING)


def acquisition_of(volume: Volume) -> dict[Parameter, float]:
    """Return the parameters that headers and geometry of a phase state; parameters that are not stated are absent."""
    stated = {name: _first_number(volume, keywords) for name, keywords in ATTRIBUTES.items()}
    found = {name: value for name, value in stated.items() if value is not None}
    if (field := found.get(Parameter.FIELD_STRENGTH, 0.0)) > STRONGEST_TESLA:
        found[Parameter.FIELD_STRENGTH] = field / GAUSS_PER_TESLA
    column_spacing, row_spacing, slice_spacing = volume.spacing_mm
    return found | {
        Parameter.PIXEL_SPACING: math.sqrt(column_spacing * row_spacing),
        Parameter.SLICE_SPACING: slice_spacing,
    }


def acquisition_columns(volume: Volume) -> dict[str, float | str]:
    """Return `model_store.signatures.acceptance.ACQUISITION_COLUMNS` of a phase; unknown values are absent."""
    found: dict[str, float | str] = {name.value: value for name, value in acquisition_of(volume).items()}
    if volume.number_in_examination is not None:
        found[PHASE] = volume.number_in_examination
    if technique := " ".join(filter(None, (_value(volume, keyword) for keyword in TECHNIQUE_ATTRIBUTES))):
        found[TECHNIQUE] = technique
    return found


def acquisition_objections(volume: Volume, contract: AcceptanceContract) -> Iterator[Objection]:
    """Yield an objection for each parameter outside the range of the training cases."""
    found = acquisition_of(volume)
    series = _series(volume)
    for name, span in contract.acquisition.items():
        if name in found and not span.holds(found[name]):
            yield Objection(
                Criterion.SPACING if name in SPACINGS else Criterion.ACQUISITION,
                f"{series}: its {words(name)} is {found[name]:.3g}, and the signature accepts "
                f"{span.minimum:.3g} to {span.maximum:.3g}: it was neither trained nor tested on such images",
            )


def acquisition_notes(volume: Volume, contract: AcceptanceContract) -> tuple[Note, ...]:
    """Return a note that lists the parameters that the contract bounds and the images do not state."""
    missing = [words(name) for name in contract.acquisition if name not in acquisition_of(volume)]
    if not missing:
        return ()
    return (Note(f"The images do not state {', '.join(missing)}: not compared with the training cases."),)


def phase_objections(volume: Volume, contract: AcceptanceContract) -> Iterator[Objection]:
    """Yield an objection if the phase has another number in its examination than those of the training cases."""
    number = volume.number_in_examination
    if contract.phases and number is not None and number not in contract.phases:
        known = ", ".join(map(str, contract.phases))
        yield Objection(
            Criterion.PHASE_NUMBER,
            f"{_series(volume)}: phase {number} of the examination was outlined, and the signature was trained on "
            f"phase {known}: copy the outline to that phase, and send it again",
        )


def phase_notes(volume: Volume, contract: AcceptanceContract) -> tuple[Note, ...]:
    """Return a note where the contract bounds the number of the phase, and it is unknown."""
    if not contract.phases or volume.number_in_examination is not None:
        return ()
    return (
        Note("The phase's number was not compared with the training cases: no phase before contrast was received."),
    )


def words(name: Parameter) -> str:
    """Return the name of a parameter in plain words with its unit, such as ``echo time (ms)``."""
    *what, unit = name.value.split("_")
    return f"{' '.join(what)} ({unit})"


def _series(volume: Volume) -> str:
    return f"series {text(volume.headers[0], 'SeriesInstanceUID')}"


def _first_number(volume: Volume, keywords: tuple[str, ...]) -> float | None:
    for keyword in keywords:
        try:
            value = float(_value(volume, keyword).split("\\")[0])
        except ValueError:
            continue
        if math.isfinite(value) and value > 0:
            return value
    return None


def _value(volume: Volume, keyword: str) -> str:
    """Return an attribute of the first slice; empty where there is no header, as with a NIfTI image."""
    return value_of(volume.headers[0], keyword, volume.frames[0].frame_number) if volume.headers else ""
