"""Rules about one result object: codes, structured report, segmentation, contributing equipment."""

import shutil
import subprocess
from collections.abc import Iterator

from pydicom import Dataset

from deploy.conformance.finding import CheckedObject, Finding, concept, descendants, items, uid

MAX_CODE_VALUE, MAX_MEANING = 16, 64
RETIRED_SCHEMES = {"SRT": "SCT", "SNM3": "SCT", "99SDM": "SCT"}
GROUP, REFERENCED_SEGMENT = "125007", "121191"
PROCEDURE, TRACKING_ID, TRACKING_UID = "121058", "112039", "112040"
SOURCE_SERIES, SOURCE_IMAGE, FINDING = "121232", "121233", "121071"
MEASUREMENT_REPORT = "126000"
CONTENT = ("126010", "126011", "C0034375")
"""Imaging Measurements, Derived Imaging Measurements, Qualitative Evaluations: one is required (TID 1500)."""
COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
DCIODVFY_SECONDS = 120


def iod_findings(checked: CheckedObject) -> Iterator[Finding]:
    """Yield the errors that dciodvfy finds; none where it is not installed."""
    program = shutil.which("dciodvfy")
    if program is None:
        return
    command = [program, "-new", str(checked.path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=DCIODVFY_SECONDS)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    for line in dict.fromkeys(line for line in lines if line.startswith("Error")):
        yield checked.error("iod", line.removeprefix("Error - "))


def code_findings(checked: CheckedObject) -> Iterator[Finding]:
    """Yield what is wrong with codes (PS3.3 section 8.8) and the identification of their schemes (C.12.1.1.2)."""
    identified = {
        str(one.get("CodingSchemeDesignator", "")): one
        for one in items(checked.dataset, "CodingSchemeIdentificationSequence")
    }
    codes = [one for one in _all_items(checked.dataset) if "CodeMeaning" in one or "CodeValue" in one]
    for code in codes:
        value, meaning = str(code.get("CodeValue", "")), str(code.get("CodeMeaning", ""))
        if len(value) > MAX_CODE_VALUE or len(meaning) > MAX_MEANING:
            yield checked.error("code-length", f"code {value!r} or its meaning {meaning!r} is too long")
        if not meaning or not any(code.get(name) for name in ("CodeValue", "LongCodeValue", "URNCodeValue")):
            yield checked.error("code-incomplete", f"a code lacks its value or its meaning: {value!r}, {meaning!r}")
    for scheme in sorted({str(code.get("CodingSchemeDesignator", "")) for code in codes}):
        if scheme in RETIRED_SCHEMES:
            yield checked.warning("code-retired", f"scheme {scheme} is retired: use {RETIRED_SCHEMES[scheme]}")
        if scheme.startswith("99") and not uid(identified.get(scheme, Dataset()), "CodingSchemeUID"):
            yield checked.warning("coding-scheme", f"private scheme {scheme} is not identified by a Coding Scheme UID")


def equipment_findings(checked: CheckedObject) -> Iterator[Finding]:
    """Yield what IHE AI Results asks of the Contributing Equipment Sequence."""
    equipment = items(checked.dataset, "ContributingEquipmentSequence")
    if not any(uid(one, "DeviceUID") for one in equipment):
        yield checked.warning("air-equipment", "no Contributing Equipment with a Device UID names the algorithm")
    for one in equipment:
        if not items(one, "PurposeOfReferenceCodeSequence"):
            yield checked.error("equipment-purpose", "Contributing Equipment has no purpose of reference")


def segmentation_findings(checked: CheckedObject) -> Iterator[Finding]:
    """Yield what readers need of a segmentation."""
    dataset = checked.dataset
    for segment in items(dataset, "SegmentSequence"):
        if not uid(segment, "TrackingUID") or not segment.get("TrackingID"):
            yield checked.warning("seg-tracking", f"segment {segment.get('SegmentNumber')} has no tracking identifier")
    if not items(dataset, "ReferencedSeriesSequence"):
        yield checked.warning("seg-series", "no Referenced Series Sequence: viewers do not find the images")
    if not any(True for _ in frame_sources(dataset)):
        yield checked.warning("seg-source", "no frame names its source image: a PACS cannot place it")
    if str(dataset.get("SegmentationType", "")) != "BINARY":
        yield checked.warning("seg-type", f"type {dataset.get('SegmentationType')}: many viewers show BINARY only")


def frame_sources(dataset: Dataset) -> Iterator[Dataset]:
    """Yield the source image references of all frames."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for frame in items(dataset, groups):
            for derivation in items(frame, "DerivationImageSequence"):
                yield from items(derivation, "SourceImageSequence")


def report_findings(checked: CheckedObject) -> Iterator[Finding]:
    """Yield what is wrong with a report of TID 1500, and what common viewers fail on."""
    dataset = checked.dataset
    template = next((str(one.get("TemplateIdentifier", "")) for one in items(dataset, "ContentTemplateSequence")), "")
    if template != "1500":
        yield checked.warning("sr-template", f"the root is of template {template or 'none'}, not of TID 1500")
        return
    if str(dataset.SOPClassUID) != COMPREHENSIVE_3D_SR:
        yield checked.warning("air-sop-class", "IHE AI Results asks for Comprehensive 3D SR")
    children = {concept(item) for item in items(dataset, "ContentSequence")}
    if PROCEDURE not in children:
        yield checked.error("sr-procedure", "TID 1500 requires Procedure reported")
    if not children.intersection(CONTENT):
        yield checked.error("sr-content", "TID 1500 requires measurements or qualitative evaluations")
    tree = list(descendants(dataset))
    if any(one.get("ContinuityOfContent") == "CONTINUOUS" for one in tree):
        yield checked.warning("sr-continuity", "a container is CONTINUOUS: viewers print values without their names")
    for group in (one for one in tree if one.get("ValueType") == "CONTAINER" and concept(one) == GROUP):
        yield from _group_findings(checked, group)


def _group_findings(checked: CheckedObject, group: Dataset) -> Iterator[Finding]:
    names = [concept(item) for item in items(group, "ContentSequence")]
    identifier = next((str(one.get("TextValue")) for one in group.ContentSequence if concept(one) == TRACKING_ID), "?")
    for code, what in ((TRACKING_ID, "Tracking Identifier"), (TRACKING_UID, "Tracking Unique Identifier")):
        if code not in names:
            yield checked.error("sr-tracking", f"group {identifier}: no {what}")
    if FINDING not in names:
        yield checked.warning("air-finding", f"group {identifier}: no coded Finding")
    if REFERENCED_SEGMENT in names and not {SOURCE_SERIES, SOURCE_IMAGE}.intersection(names):
        yield checked.error("sr-source", f"group {identifier}: Referenced Segment without its source series or images")
    outlined = any(item.get("ValueType") in ("SCOORD", "SCOORD3D") for item in group.ContentSequence)
    if concept(checked.dataset) == MEASUREMENT_REPORT and not outlined:
        yield checked.warning("sr-blank", f"group {identifier}: without SCOORD, OHIF shows this report as a blank")


def _all_items(dataset: Dataset) -> Iterator[Dataset]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from _all_items(item)
