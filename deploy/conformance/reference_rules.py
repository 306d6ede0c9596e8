"""Rules about several result objects: references that resolve, tracking, one study, one root result."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from pydicom import Dataset

from deploy.conformance.finding import CheckedObject, Finding, concept, descendants, items, referenced_sops, uid
from deploy.conformance.object_rules import GROUP, REFERENCED_SEGMENT, TRACKING_UID, frame_sources

EVIDENCE = ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")


def tree_findings(checked: CheckedObject) -> Iterator[Finding]:
    """Yield references of the content tree that the evidence lacks (PS3.3 C.17.2.3)."""
    held = set(evidence_of(checked.dataset))
    for reference in sorted(tree_references(checked.dataset) - held):
        yield checked.error("evidence", f"the content tree refers to {reference}, which the evidence lacks")
    if len(held) != len(list(evidence_of(checked.dataset))):
        yield checked.error("evidence-twice", "the evidence lists an instance twice")


def tree_references(report: Dataset) -> set[str]:
    """Return the SOP Instance UIDs that a content tree refers to."""
    return {
        uid(reference, "ReferencedSOPInstanceUID")
        for item in descendants(report)
        if item.get("ValueType") in ("IMAGE", "COMPOSITE", "WAVEFORM")
        for reference in items(item, "ReferencedSOPSequence")
    }


def evidence_of(report: Dataset) -> Iterator[str]:
    """Yield the SOP Instance UIDs of the evidence."""
    for keyword in EVIDENCE:
        for study in items(report, keyword):
            yield from (uid(one, "ReferencedSOPInstanceUID") for one in referenced_sops(study))


def resolving_findings(checked: CheckedObject, known: Mapping[str, CheckedObject]) -> Iterator[Finding]:
    """Yield references into a series of this folder whose instance is not there.

    A folder may hold results without their images, so that a series that is not there at all is no finding.
    """
    series = {uid(one.dataset, "SeriesInstanceUID") for one in known.values()}
    for of, reference in sorted(set(_references(checked.dataset))):
        if of in series and reference not in known:
            yield checked.error(
                "dangling", f"refers to {reference}, which is missing from its series {of} in the folder"
            )


def _references(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Yield series and instance of each reference that names both."""
    studies = [study for keyword in EVIDENCE for study in items(dataset, keyword)]
    for study in (*studies, dataset):
        for series in items(study, "ReferencedSeriesSequence"):
            for keyword in ("ReferencedSOPSequence", "ReferencedInstanceSequence"):
                for one in items(series, keyword):
                    yield uid(series, "SeriesInstanceUID"), uid(one, "ReferencedSOPInstanceUID")


def tracking_findings(checked: CheckedObject, known: Mapping[str, CheckedObject]) -> Iterator[Finding]:
    """Yield groups whose tracking UID is not that of the segment to which they refer."""
    for group in descendants(checked.dataset):
        if group.get("ValueType") != "CONTAINER" or concept(group) != GROUP:
            continue
        own = {uid(item, "UID") for item in group.ContentSequence if concept(item) == TRACKING_UID}
        for item in group.ContentSequence:
            if concept(item) == REFERENCED_SEGMENT:
                yield from _segment_findings(checked, items(item, "ReferencedSOPSequence"), own, known)


def _segment_findings(
    checked: CheckedObject, references: Sequence[Dataset], own: set[str], known: Mapping[str, CheckedObject]
) -> Iterator[Finding]:
    for reference in references:
        target = known.get(uid(reference, "ReferencedSOPInstanceUID"))
        if target is None:
            continue
        numbers = reference.get("ReferencedSegmentNumber")
        number = int(numbers[0] if isinstance(numbers, list) or hasattr(numbers, "__iter__") else numbers or 0)
        segments = {int(one.SegmentNumber): one for one in items(target.dataset, "SegmentSequence")}
        if number not in segments:
            yield checked.error("segment", f"refers to segment {number} of {target.path.name}, which has none")
        elif (expected := uid(segments[number], "TrackingUID")) and expected not in own:
            yield checked.error("tracking", f"segment {number} of {target.path.name} has another tracking UID")


def source_findings(checked: CheckedObject, known: Mapping[str, CheckedObject]) -> Iterator[Finding]:
    """Yield results that are not in the study of the images that they are made from, or are of another patient."""
    references = [*evidence_of(checked.dataset)]
    references += [uid(one, "ReferencedSOPInstanceUID") for one in frame_sources(checked.dataset)]
    sources = {one: known[one] for one in references if one in known and known[one] is not checked}
    for keyword, rule in (("StudyInstanceUID", "study"), ("PatientID", "patient")):
        values = {str(one.dataset.get(keyword) or "") for one in sources.values()}
        if values and str(checked.dataset.get(keyword) or "") not in values:
            yield checked.error(rule, f"{keyword} differs from that of its sources")


def root_findings(results: Sequence[CheckedObject]) -> Iterator[Finding]:
    """Yield what lacks a root result (IHE AI Results): results without a report, reports that should be one.

    A study may hold several cases, each with its root: a report that no other one refers to.
    """
    studies: dict[str, list[CheckedObject]] = {}
    for one in results:
        studies.setdefault(uid(one.dataset, "StudyInstanceUID"), []).append(one)
    for members in studies.values():
        reports = [one for one in members if one.dataset.get("Modality") == "SR"]
        held = set[str]().union(*(tree_references(one.dataset) for one in reports))
        lost = [one for one in members if uid(one.dataset) not in held and one not in reports]
        if lost and len(members) > 1:
            yield lost[0].warning(
                "air-root", f"no report refers to {len(lost)} of {len(members)} results of this study"
            )
        roots = [one for one in reports if uid(one.dataset) not in held]
        for first, second in combinations(roots, 2):
            if _measured(first.dataset) & _measured(second.dataset):
                text = f"{first.path.name} measures the same segmentation, and neither report refers to the other"
                yield second.warning("air-root", text)


def _measured(report: Dataset) -> set[str]:
    """Return the segmentations whose segments a report measures."""
    return {
        uid(reference, "ReferencedSOPInstanceUID")
        for item in descendants(report)
        if concept(item) == REFERENCED_SEGMENT
        for reference in items(item, "ReferencedSOPSequence")
    }
