"""Which phase is measured: the one that the outline was drawn on, else the one that the profile's rule names."""

from collections.abc import Sequence
from contextlib import suppress

from model_store.signatures.profile import PhaseRule
from workers.errors import Reason, RejectedInput
from workers.images.attributes import text
from workers.images.frames import Frame, frames_of
from workers.images.headers import Instance
from workers.images.phases import Phase, across_series, split_series
from workers.outline.duplicate_images import without_copies
from workers.outline.dynamic_series import dynamic_examination, same_slices
from workers.outline.outline import Outline
from workers.outline.source_images import References


def choose_phase(instances: Sequence[Instance], outline: Outline, rule: PhaseRule) -> Phase:
    """Return the phase to measure.

    Raises
    ------
    RejectedInput
        MISSING_INSTANCES where referenced images are not there, NO_GEOMETRY where they cannot be placed in space,
        UNKNOWN_PHASE where they belong to several phases, or where nothing says which phase is meant.
    """
    if not instances:
        raise RejectedInput(Reason.MISSING_INSTANCES, f"SEG {outline.uid}: expected images, found none")
    referenced = {uid for uid, _ in outline.references}
    missing = referenced - {instance.sop_instance_uid for instance in instances}
    if missing:
        raise RejectedInput(
            Reason.MISSING_INSTANCES,
            f"SEG {outline.uid}: {len(missing)} of the {len(referenced)} images that it refers to are not there, "
            f"such as {min(missing)}",
        )
    if referenced:
        return _referenced_phase(instances, outline)
    return _phase_by_rule(instances, outline, rule)


def _referenced_phase(instances: Sequence[Instance], outline: Outline) -> Phase:
    referenced = {uid for uid, _ in outline.references}
    series = {one.series_uid for one in instances if one.sop_instance_uid in referenced}
    if len(series) > 1:
        raise RejectedInput(
            Reason.UNKNOWN_PHASE, f"SEG {outline.uid}: it refers to images of {len(series)} series, expected one phase"
        )
    frames = _frames([one for one in instances if one.series_uid in series])
    phases = split_series(without_copies(frames, referenced))
    hit = [phase for phase in phases if _holds(phase, outline.references)]
    if len(hit) != 1:
        raise RejectedInput(
            Reason.UNKNOWN_PHASE,
            f"SEG {outline.uid}: expected its images in one phase, found them in {len(hit)} of {len(phases)}",
        )
    return _among_series(hit[0], [one for one in instances if one.series_uid not in series])


def _among_series(phase: Phase, others: Sequence[Instance]) -> Phase:
    """Number the phase among those of other series that show the same slices."""
    alike = [phase]
    for instances in _by_series(others):
        with suppress(RejectedInput):  # what is wrong with another series does not concern this one
            frames = _frames(instances)
            alike.extend(other for other in split_series(frames) if same_slices(phase, other))
    for numbered in across_series(alike):
        if numbered.references == phase.references:
            return numbered
    return phase


def _phase_by_rule(instances: Sequence[Instance], outline: Outline, rule: PhaseRule) -> Phase:
    frame_of_reference = text(outline.instance.dataset, "FrameOfReferenceUID")
    mine = [one for one in instances if text(one.dataset, "FrameOfReferenceUID") in ("", frame_of_reference)]
    if not mine:
        raise RejectedInput(
            Reason.OTHER_FRAME_OF_REFERENCE, f"SEG {outline.uid}: no image shares its frame of reference"
        )
    phases = [phase for part in _by_series(mine) for phase in split_series(without_copies(_frames(part), ()))]
    if len(phases) == 1:
        return phases[0]
    if rule is PhaseRule.FIRST_POST_CONTRAST:
        for phase in dynamic_examination(phases, outline):
            if phase.identity.index == 2:
                return phase
    raise RejectedInput(
        Reason.UNKNOWN_PHASE,
        f"SEG {outline.uid}: it does not say which images it was drawn on, and there are {len(phases)} phases "
        + (
            "that are not plainly one dynamic examination"
            if rule is PhaseRule.FIRST_POST_CONTRAST
            else "to choose from"
        ),
    )


def _frames(instances: Sequence[Instance]) -> list[Frame]:
    return [frame for instance in instances for frame in frames_of(instance)]


def _by_series(instances: Sequence[Instance]) -> list[list[Instance]]:
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(instance.series_uid, []).append(instance)
    return list(groups.values())


def _holds(phase: Phase, references: References) -> bool:
    """Whether any referenced picture lies in the phase; a reference without frame number means every frame."""
    return any(reference in references or (reference[0], None) in references for reference in phase.references)
