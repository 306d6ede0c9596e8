"""Selects the phase to measure: the one the outline was drawn on, else the one that the profile's rule selects."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from model_store.signatures.profile import PhaseRule
from workers.errors import Reason, RejectedInput
from workers.images.attributes import text
from workers.images.headers import Instance, frame_count
from workers.images.phases import Phase, across_series, split_series
from workers.images.placed_frames import placed_frames, unplaced_notes
from workers.images.slice_geometry import same_plane, same_positions
from workers.limits import LIMITS, Limits
from workers.notes import Note
from workers.outline.duplicate_images import without_copies
from workers.outline.dynamic_series import dynamic_examination, is_computed, same_slices
from workers.outline.examination import examination_of
from workers.outline.outline import Outline
from workers.outline.phase_times import first_after_bolus, pace_seconds
from workers.outline.source_images import References

SLOWEST_ULTRAFAST_SECONDS = 30.0
"""Between the starts of phases: in a faster series, several phases pass before contrast arrives."""
MOST_PHASES_WITHOUT_TIMES = 12
"""A series with more phases of unknown times counts as ultrafast; other series have three to eight phases."""
CURE = "draw it on one phase, and export it with the images of that phase alone as its source"


def choose_phase(
    instances: Sequence[Instance],
    outline: Outline,
    rule: PhaseRule,
    other_series: Sequence[Sequence[Path]] = (),
    limits: Limits = LIMITS,
) -> Phase:
    """Return the phase to measure.

    ``other_series`` are the files of the study's other series: the phase before contrast may be among them.

    Raises
    ------
    RejectedInput
        MISSING_INSTANCES where referenced images are missing, NO_GEOMETRY where they cannot be placed in space,
        IRREGULAR_GEOMETRY where their stacks differ in orientation or matrix, UNKNOWN_PHASE where they belong
        to several phases, or the outline does not identify a phase, and the rule does not decide.
    """
    if not instances:
        raise RejectedInput(Reason.MISSING_INSTANCES, f"{outline.name}: expected images, found none")
    referenced = {uid for uid, _ in outline.references}
    missing = referenced - {instance.sop_instance_uid for instance in instances}
    if missing:
        raise RejectedInput(
            Reason.MISSING_INSTANCES,
            f"{outline.name}: {len(missing)} of the {len(referenced)} images that it references are missing, "
            f"such as {min(missing)}: send them",
        )
    outline = _with_checked_frame_numbers(outline, instances)
    by_rule = _ByRule(outline, rule, instances, other_series, limits)
    if referenced:
        return _referenced_phase(instances, outline, by_rule)
    named = [one for one in instances if one.series_uid in outline.named_series]
    return _phase_without_references(named or _of_its_space(instances, outline), outline, by_rule)


def _with_checked_frame_numbers(outline: Outline, instances: Sequence[Instance]) -> Outline:
    """Return the outline without frame numbers of classic images, which some writers set to 1."""
    counts = {one.sop_instance_uid: frame_count(one) for one in instances}
    for uid, number in sorted((uid, number) for uid, number in outline.references if number is not None):
        if uid in counts and not 1 <= number <= counts[uid]:
            raise RejectedInput(
                Reason.MISSING_INSTANCES,
                f"{outline.name}: it references frame {number} of image {uid}, which has {counts[uid]}: export it "
                "again with the images that it was drawn on",
            )
    classic = {one.sop_instance_uid for one in instances if not one.is_multi_frame}
    references = frozenset((uid, None if uid in classic else number) for uid, number in outline.references)
    return replace(outline, references=references)


def _referenced_phase(instances: Sequence[Instance], outline: Outline, by_rule: "_ByRule") -> Phase:
    referenced = {uid for uid, _ in outline.references}
    series = {one.series_uid for one in instances if one.sop_instance_uid in referenced}
    mine = [one for one in instances if one.series_uid in series]
    phases = _phases(mine, referenced)
    hit = [phase for phase in phases if _holds(phase, outline.references)]
    if len(hit) == 1:
        beside = [one for one in instances if one.series_uid not in series]
        if is_computed(hit[0]) and (original := by_rule.original(instances, referenced)):
            return original
        return _with_strays_noted(_among_series(hit[0], beside), phases)
    if not _are_parallel(hit) and not _each_is_a_stack(hit):
        raise RejectedInput(
            Reason.IRREGULAR_GEOMETRY,
            f"{outline.name}: the images that it was drawn on differ in orientation, matrix or spacing: draw it on the "
            "images of one phase",
        )
    if not _names_all_alike(hit, outline):
        raise RejectedInput(
            Reason.UNKNOWN_PHASE,
            f"{outline.name}: expected its images in one phase, found some in each of {len(hit)} of {len(phases)}: "
            f"{CURE}",
        )
    return by_rule.choose(phases, hit, f"names images of {len(hit)} phases")


def _names_all_alike(hit: Sequence[Phase], outline: Outline) -> bool:
    """Return whether the same slices are referenced in each phase, as by writers that reference a whole series."""
    named = [
        [
            frame
            for frame in phase.frames
            if frame.reference in outline.references or (frame.reference[0], None) in outline.references
        ]
        for phase in hit
    ]
    return all(same_positions(frames, named[0]) for frames in named)


def _are_parallel(phases: Sequence[Phase]) -> bool:
    return all(same_plane(phase.frames[0].plane, phases[0].frames[0].plane) for phase in phases)


def _each_is_a_stack(phases: Sequence[Phase]) -> bool:
    return all(len(phase.frames) > 1 for phase in phases)


def _among_series(phase: Phase, others: Sequence[Instance]) -> Phase:
    """Number the phase among those of other series that show the same slices."""
    alike = [phase]
    for instances in _by_series(others):
        with suppress(RejectedInput):  # errors in other series do not affect this one
            alike.extend(other for other in split_series(placed_frames(instances)) if same_slices(phase, other))
    for numbered in across_series(alike):
        if numbered.references == phase.references:
            return numbered
    return phase


def _of_its_space(instances: Sequence[Instance], outline: Outline) -> list[Instance]:
    frame_of_reference = text(outline.instance.dataset, "FrameOfReferenceUID")
    mine = [one for one in instances if text(one.dataset, "FrameOfReferenceUID") in ("", frame_of_reference)]
    if not mine:
        raise RejectedInput(
            Reason.OTHER_FRAME_OF_REFERENCE,
            f"{outline.name}: it names no images, and no image shares its frame of reference: {CURE}",
        )
    return mine


def _phase_without_references(instances: Sequence[Instance], outline: Outline, by_rule: "_ByRule") -> Phase:
    phases = _phases(instances, ())
    stacks = [phase for phase in phases if phase.expected_slices > 1]
    if len(stacks) == 1:
        original = by_rule.original(by_rule.instances, ()) if is_computed(stacks[0]) else None
        return original or _with_strays_noted(stacks[0], phases)
    what = "names a series and not its images" if outline.named_series else "does not name the images it was drawn on"
    return by_rule.choose(phases, phases, what)


@dataclass(frozen=True)
class _ByRule:
    """Chooses the phase to measure by the signature's phase rule."""

    outline: Outline
    rule: PhaseRule
    instances: Sequence[Instance]
    other_series: Sequence[Sequence[Path]]
    limits: Limits

    def choose(self, phases: Sequence[Phase], candidates: Sequence[Phase], what: str) -> Phase:
        """Return the first phase after contrast among the candidates, with a note on how it was chosen."""
        if self.rule is not PhaseRule.FIRST_POST_CONTRAST:
            raise self._refuse(
                f"{what}, there are {len(phases)} phases, and the signature's phase rule is '{self.rule}'"
            )
        examination = dynamic_examination(phases, self.outline)
        if not examination:
            raise self._refuse(
                f"{what}, and of {len(phases)} phases it is not clear which ones form one dynamic examination"
            )
        self._check_pace(examination, what)
        allowed = [phase.references for phase in candidates]
        bolus = first_after_bolus(examination)
        for phase in examination[bolus or 0 :]:
            if phase.references in allowed and (phase.identity.index >= 2 or self._follows_another(phase)):
                return _with_strays_noted(replace(phase, notes=(*phase.notes, _rule_note(phase, what, bolus))), phases)
        raise self._refuse(f"{what}, and no phase is known to be after contrast")

    def original(self, instances: Sequence[Instance], referenced: Collection[str]) -> Phase | None:
        """Return the phase for an outline of computed images; None where the originals did not come, or do not tell."""
        with suppress(RejectedInput):
            phases = _phases(instances, referenced)
            return self.choose(phases, phases, "was drawn on images that were computed from others")
        return None

    def _follows_another(self, first: Phase) -> bool:
        """Return whether a phase of another series was acquired before the first one of a series."""
        return examination_of(first, self.instances, self.other_series, self.limits)[0] is not first

    def _check_pace(self, examination: Sequence[Phase], what: str) -> None:
        pace, count = pace_seconds(examination), len(examination)
        is_ultrafast = count > MOST_PHASES_WITHOUT_TIMES if pace is None else pace < SLOWEST_ULTRAFAST_SECONDS
        if is_ultrafast and count > 3:
            raise self._refuse(
                f"{what}, and its {count} phases follow each other "
                f"{'at unknown times' if pace is None else f'within {pace:.0f} s'}: "
                "no header states in which phase contrast arrives"
            )

    def _refuse(self, why: str) -> RejectedInput:
        return RejectedInput(Reason.UNKNOWN_PHASE, f"{self.outline.name}: it {why}: {CURE}")


def _rule_note(phase: Phase, what: str, bolus: int | None) -> Note:
    return Note(
        f"The outline {what}: the first phase after contrast was measured by the signature's phase rule, phase "
        f"{phase.identity.index} by {phase.identity.found_by}"
        f"{', the first one that began after the Contrast/Bolus Start Time' if bolus else ''}."
    )


def _with_strays_noted(phase: Phase, phases: Sequence[Phase]) -> Phase:
    """Add a note on frames of the same series that are not among the phase's slices: scouts and projections."""
    first = phase.frames[0]
    strays = [
        other
        for other in phases
        if other.frames[0].instance.series_uid == first.instance.series_uid
        and len(other.frames) < len(phase.frames)
        and other.expected_slices < phase.expected_slices
    ]
    count = sum(len(other.frames) for other in strays)
    if not count:
        return phase
    pictures, were = ("picture", "was") if count == 1 else ("pictures", "were")
    text = (
        f"{count} {pictures} of the series with another {_difference(phase, strays)} than its slices {were} set aside."
    )
    return replace(phase, notes=(*phase.notes, Note(text)))


def _difference(phase: Phase, strays: Sequence[Phase]) -> str:
    """Return in what respect frames differ from the slices of a phase."""
    if _are_parallel([phase, *strays]):
        is_other_contrast = all(stray.frames[0].contrast != phase.frames[0].contrast for stray in strays)
        return "image type or echo time" if is_other_contrast else "position"
    mine = phase.frames[0].plane
    planes = [stray.frames[0].plane for stray in strays]
    matrices = {(plane.rows, plane.columns) for plane in planes}
    turned = any(
        (plane.row_direction, plane.column_direction) != (mine.row_direction, mine.column_direction) for plane in planes
    )
    return "matrix" if not turned and matrices != {(mine.rows, mine.columns)} else "orientation"


def _phases(instances: Sequence[Instance], referenced: Collection[str]) -> list[Phase]:
    """Split each series into its phases; where each series is one phase, `dynamic_examination` groups them."""
    return [phase for part in _by_series(instances) for phase in _phases_of_series(part, referenced)]


def _phases_of_series(instances: Sequence[Instance], referenced: Collection[str]) -> Iterator[Phase]:
    frames = placed_frames(instances, referenced)
    notes = tuple(unplaced_notes(instances, frames))
    for phase in split_series(without_copies(frames, referenced)):
        yield replace(phase, notes=(*phase.notes, *notes)) if notes else phase


def _by_series(instances: Sequence[Instance]) -> list[list[Instance]]:
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(instance.series_uid, []).append(instance)
    return list(groups.values())


def _holds(phase: Phase, references: References) -> bool:
    """Return whether a referenced frame is in the phase; a reference without frame number means every frame."""
    return any(reference in references or (reference[0], None) in references for reference in phase.references)
