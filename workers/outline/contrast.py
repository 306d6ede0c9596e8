"""Decides whether a phase is after contrast, from its headers and from the enhancement inside the outline."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.acceptance import Criterion
from workers.acceptance import Objection
from workers.errors import Reason, RejectedInput
from workers.images.attributes import optional_integer
from workers.images.contrast_agent import names_an_agent, said_before_contrast
from workers.images.grey_values import inside, median
from workers.images.headers import Instance
from workers.images.phases import Phase
from workers.images.volume import Volume
from workers.limits import Limits
from workers.notes import Note, warning
from workers.outline.earlier_phase import slices_of
from workers.outline.examination import examination_of
from workers.outline.later_acquisition import LaterAcquisition, later_acquisitions
from workers.outline.mixed_phases import slices_of_another_phase
from workers.outline.phase_times import began_before_bolus, first_after_bolus
from workers.outline.region_of_interest import RegionOfInterest
from workers.outline.surroundings import box_around, surroundings_in

ENHANCEMENT = 0.3
"""As a share of the tumour's median: the least increase in the phase in which contrast arrives. Between phases after
contrast, tumours change by 10 to 20 % (BI-RADS: persistent from 10 % on)."""
NO_ENHANCEMENT = 0.1
"""As a share of the tumour's median: a smaller change is not enhancement."""


@dataclass(frozen=True)
class ContrastEvidence:
    """Evidence that a phase is before contrast, and notes for the report."""

    objections: tuple[Objection, ...] = ()
    notes: tuple[Note, ...] = ()
    before: Phase | None = None
    """The first phase, if the tumour enhances from it to the measured one; else None."""
    phases: tuple[Phase, ...] = ()
    """All phases of the examination in order of time; empty where `before` is None."""
    number: int | None = None
    """Number of the measured phase in the examination, from 1; None where no phase before contrast was received: then
    the first one may be missing."""
    is_shown_after: bool = True
    """False where neither headers nor another phase show that the phase is after contrast, or the tumour is no brighter
    than in the first phase."""


def contrast_evidence(
    phase: Phase,
    volume: Volume,
    roi: RegionOfInterest,
    instances: Sequence[Instance],
    other_series: Sequence[Sequence[Path]],
    limits: Limits,
) -> ContrastEvidence:
    """Return the evidence from headers and grey values that the phase was acquired before contrast.

    Grey values decide where there are phases to compare with: headers often repeat what applies to the whole series.

    Raises
    ------
    RejectedInput
        UNKNOWN_PHASE where slices of the first phase stand among those of the measured one.
    """
    phases = examination_of(phase, instances, other_series, limits)
    medians = _Medians(volume, roi, limits)
    number = phases.index(phase)
    gain = medians.gain(phases[0]) if number else None
    if (said := _shown_before(phases, number, medians, gain)) or (said := _said_before(phases, number, gain)):
        return ContrastEvidence((Objection(Criterion.CONTRAST_PHASE, _message(volume, said)),))
    if mixed := medians.slices_like(phases[0]) if number else []:
        raise RejectedInput(Reason.UNKNOWN_PHASE, _message_on_mixed(volume, roi, mixed))
    if gain is not None and gain >= ENHANCEMENT:
        notes = tuple(_notes_on_surroundings(medians.gain_over_surroundings(phases[0])))
        return ContrastEvidence(
            before=phases[0], phases=phases, number=number + 1, notes=notes, is_shown_after=not notes
        )
    brighter = None
    if not medians.change_among(phases[:number]) and not medians.change_among(phases[number + 1 :]):
        brighter = _brighter(later_acquisitions(phase, phases, volume, roi.tumour, instances, other_series, limits))
    if brighter is not None and _is_proof(brighter):
        said = f"inside it {brighter.name}, acquired later, is {_most(brighter):.0%} brighter"
        return ContrastEvidence((Objection(Criterion.CONTRAST_PHASE, _message(volume, said)),))
    if brighter is not None:
        return ContrastEvidence(notes=(_note_on_later(brighter),), is_shown_after=False)
    notes = tuple(_notes_on_single(phases[0]) if len(phases) == 1 else _notes(gain))
    return ContrastEvidence(notes=notes, is_shown_after=not notes)


class _Medians:
    """The tumour's median grey value in the phases of an examination; only the slices of the outline are read."""

    def __init__(self, volume: Volume, roi: RegionOfInterest, limits: Limits) -> None:
        self._slices = roi.box[0]
        _, *in_plane = box_around(roi.box, volume.array.shape, volume.grid.spacing_zyx)
        self._in_plane = tuple(in_plane)
        here = volume.array[self._slices]
        self._shape = here.shape
        self._box = roi.box[1:]
        self._tumour = roi.tumour[roi.box]
        self._grey_values = here[:, *self._box]
        self._here = self._in_tumour(here)
        near = here[:, *self._in_plane]
        self._around = surroundings_in(near, roi.tumour[self._slices][:, *self._in_plane], self._here)
        self._here_around = _median(near, self._around)
        self._limits = limits
        self._known: dict[int, tuple[float | None, float | None, list[int]]] = {}

    def gain(self, earlier: Phase) -> float | None:
        """Return the measured phase's relative increase over another phase; None where they cannot be compared."""
        other = self._of(earlier)
        return self._here / other - 1 if other is not None and other > 0 else None

    def gain_over_surroundings(self, earlier: Phase) -> float | None:
        """Return the increase of the tumour's brightness in relation to its surroundings'; None where it is unknown."""
        gain, around = self.gain(earlier), self._read_once(earlier)[1]
        if gain is None or around is None or self._here_around is None or min(around, self._here_around) <= 0:
            return None
        return (1 + gain) / (self._here_around / around) - 1

    def later_gain(self, later: Phase) -> float | None:
        """Return another phase's relative increase over the measured one; None where they cannot be compared."""
        other = self._of(later)
        return other / self._here - 1 if other is not None and self._here > 0 else None

    def change_among(self, others: Sequence[Phase]) -> bool:
        """Return whether other phases differ from the measured one as only contrast agent changes them."""
        gains = (self.later_gain(one) for one in others)
        return any(gain is not None and abs(gain) >= NO_ENHANCEMENT for gain in gains)

    def slices_like(self, earlier: Phase) -> list[int]:
        """Return the slices of the volume on which the measured phase is another one; empty where this is unknown."""
        return [self._slices.start + at for at in self._read_once(earlier)[2]]

    def _of(self, phase: Phase) -> float | None:
        return self._read_once(phase)[0]

    def _read_once(self, phase: Phase) -> tuple[float | None, float | None, list[int]]:
        if id(phase) not in self._known:
            planes = slices_of(phase, self._slices, self._limits)
            if planes is None or planes.shape != self._shape:  # an unreadable phase is no evidence
                self._known[id(phase)] = None, None, []
            else:
                around = _median(planes[:, *self._in_plane], self._around)
                mixed = slices_of_another_phase(self._grey_values, planes[:, *self._box], self._tumour)
                self._known[id(phase)] = self._in_tumour(planes), around, mixed
        return self._known[id(phase)]

    def _in_tumour(self, planes: NDArray[np.generic]) -> float:
        return median(planes[:, *self._box][self._tumour])


def _median(array: NDArray[np.generic], mask: NDArray[np.bool_]) -> float | None:
    """Return the median inside a mask; None where that is empty."""
    return median(inside(array, mask)) if mask.any() else None


def _shown_before(phases: Sequence[Phase], number: int, medians: _Medians, gain: float | None) -> str:
    """Return the evidence in grey values that contrast arrives in a later phase; empty where there is none."""
    if number and (gain is None or gain >= NO_ENHANCEMENT):
        return ""
    before = 0.0
    for later in phases[number + 1 :]:
        after = medians.later_gain(later)
        if after is None:
            return ""
        if (1 + after) / (1 + before) - 1 >= ENHANCEMENT:
            which = "the next phase" if later is phases[number + 1] else "a later phase"
            return f"inside it {which} is {after:.0%} brighter"
        if abs(after) >= NO_ENHANCEMENT and not number:  # intensities change between phases: contrast has arrived
            return ""
        before = after if abs(after) < NO_ENHANCEMENT else before
    return ""


def _said_before(phases: Sequence[Phase], number: int, gain: float | None) -> str:
    """Return the evidence in headers; empty where there is none or the tumour has enhanced."""
    if gain is not None and gain >= ENHANCEMENT:
        return ""
    if number < (first_after_bolus(phases) or 0):
        return "by its acquisition time it began before the Contrast/Bolus Start Time"
    phase = phases[number]
    return said_before_contrast(phase.frames[0], is_alone=phase.identity.count == 1)


def _brighter(others: Iterable[LaterAcquisition]) -> LaterAcquisition | None:
    """Return the later acquisition that proves that contrast arrived after the measured phase, or one that may."""
    first = None
    for one in others:
        if _is_proof(one):
            return one
        if first is None and (one.gain is None or _most(one) >= ENHANCEMENT):
            first = one
    return first


def _is_proof(later: LaterAcquisition) -> bool:
    """Return whether the tissue is brighter by contrast agent, not by another weighting or scale of grey values."""
    if later.gain is None or later.relative_gain is None:
        return False
    return later.is_alike and min(later.gain, later.relative_gain) >= ENHANCEMENT


def _most(later: LaterAcquisition) -> float:
    return max(later.gain or 0.0, later.relative_gain or 0.0)


def _note_on_later(later: LaterAcquisition) -> Note:
    if later.gain is None:
        why = "was acquired later in another frame of reference, and could not be compared with it"
    else:
        against = "the measured phase" if later.gain >= ENHANCEMENT else "its surroundings"
        why = (
            f"was acquired later, and shows the outlined tissue {_most(later):.0%} brighter against {against}; with "
            "other parameters or another scale of grey values this is no proof"
        )
    return warning(
        f"The measured phase may be before contrast: {later.name} {why}.", "The phase may be before contrast"
    )


def _may_be_before(alone: Phase) -> str:
    """Return the evidence in headers that a phase is the first of several; empty where there is none.

    It is no proof: where the phase before contrast is a series of its own, others count from the one after it.
    """
    first = alone.frames[0]
    count = optional_integer(first.instance.dataset, "NumberOfTemporalPositions") or 0
    if first.temporal_position == 1 and count > 1:
        return f"by its header it is the first of {count}"
    return "it began before the Contrast/Bolus Start Time" if began_before_bolus(alone) else ""


def _message(volume: Volume, said: str) -> str:
    return (
        f"image {volume.frames[0].sop_instance_uid}: the outline was drawn on the phase before contrast: {said}: copy "
        "the outline to the phase after contrast, and send it again"
    )


def _message_on_mixed(volume: Volume, roi: RegionOfInterest, mixed: Sequence[int]) -> str:
    outlined = int(np.count_nonzero(roi.tumour[roi.box[0]].any(axis=(1, 2))))
    return (
        f"image {volume.frames[mixed[0]].sop_instance_uid}: on {len(mixed)} of {outlined} outlined slices the "
        "tumour is no brighter than in the first phase, on others much brighter: the slices of the phases are mixed "
        "up: send the original series"
    )


def _notes(gain: float | None) -> Iterator[Note]:
    if gain is not None and gain < NO_ENHANCEMENT:
        yield warning(
            f"Inside the outline the measured phase is {gain:+.0%} brighter than the first phase: the tumour does not "
            "enhance, or the headers give the wrong order of the phases.",
            "The outline does not enhance",
        )


def _notes_on_surroundings(gain: float | None) -> Iterator[Note]:
    """Yield a note where everything around the tumour became as much brighter: another scale of grey values does so."""
    if gain is not None and gain < NO_ENHANCEMENT:
        yield warning(
            f"Inside the outline the measured phase is brighter than the first phase, and around it as well (the "
            f"outline in relation to its surroundings: {gain:+.0%}): the grey values of the phases may be on different "
            "scales.",
            "The outline does not enhance",
        )


def _notes_on_single(alone: Phase) -> Iterator[Note]:
    """Yield what is missing to show that the only received phase is after contrast."""
    if said := _may_be_before(alone):
        yield warning(
            f"The measured phase may be before contrast: {said}, and no other phase was received to compare with.",
            "The phase may be before contrast",
        )
    elif not names_an_agent(alone.frames[0]):
        yield warning(
            "No evidence that the images were acquired after contrast: no contrast agent in the header, and no other "
            "phase to compare with.",
            "Contrast phase not known",
        )
