"""The result objects of a case, ready to be written."""

from collections.abc import Sequence
from dataclasses import replace

from pydicom import Dataset

from workers.features.measurement import Measurement
from workers.images.attributes import text
from workers.images.reread_attributes import reread_attributes
from workers.key_image.key_image import key_image
from workers.reports.feature_report import feature_report
from workers.reports.summary_report import summary_report
from workers.results.common_modules import SCANNER, Origin, ResultVersion, TumourOfSeveral
from workers.results.instance_reference import InstanceReference
from workers.results.patient_study import COPIED, left_out
from workers.results.phase_copies import other_phases, repeat_on
from workers.results.result_roles import ResultRole
from workers.results.segmentation import KEPT_OF_TUMOUR, segmentation
from workers.results.source_description import phase_words
from workers.results.source_slices import source_slices
from workers.results.uids import ContentVariant, ResultUids
from workers.scoring.case_result import CaseResult
from workers.stages import Stage, StageTimer, untimed
from workers.texts.wording import ENGLISH, Wording

IDENTITY = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


def build_results(
    result: CaseResult,
    seg_header: Dataset,
    measurement: Measurement | None,
    image_headers: Sequence[Dataset] = (),
    version: ResultVersion | None = None,
    institution_name: str = "",
    timer: StageTimer = untimed,
    outline: InstanceReference | None = None,
    tumour: TumourOfSeveral | None = None,
    segment_number: int | None = None,
    wording: Wording = ENGLISH,
    series_headers: Sequence[Dataset] = (),
) -> dict[ResultRole, Dataset]:
    """Return the result objects of a case, by role, in the order in which they are sent.

    The same arguments always give the same bytes. Each data set has its file meta information; write it with
    ``dcmwrite(path, dataset, enforce_file_format=True)``.

    ``seg_header`` is the received outline; its pixels are not needed. Without a ``measurement``, there are only a key
    image and the summary report, both with the reason; their patient and study are copied from the first of
    ``image_headers``, or from the outline where no image was received. ``version`` is the number of this result of the
    outline, with the objects that it replaces. ``outline`` identifies the outline, even where its file is damaged;
    ``seg_header`` may then be empty.
    ``tumour`` and ``segment_number`` identify one of several tumours; the number is given only where it is not the
    first. ``wording`` are the words of the results for people. ``series_headers`` are the headers of all images of the
    measured series; they are used where the segmentation is to repeat its frames on every phase.
    """
    headers = tuple(measurement.volume.headers) if measurement is not None else _intact(image_headers)
    known = _outline(seg_header, outline)
    digest = result.signature.digest if result.signature else ""
    version = version or ResultVersion()
    instances = (text(header, "SOPInstanceUID") for header in headers)
    phase, engine = (phase_words(measurement.volume), measurement.engine) if measurement is not None else ("", "")
    copies: list[dict[str, InstanceReference]] = []
    if measurement is not None and wording.segmentation_on_all_phases:
        copies = other_phases(source_slices(measurement.volume.frames, headers), series_headers)
    invalid = left_out((*headers[:1], seg_header), (*COPIED, *SCANNER, "Laterality"))
    if measurement is not None:
        invalid = (*invalid, *left_out([measurement.tumour_segment], KEPT_OF_TUMOUR))
    reread = reread_attributes(measurement.volume) if measurement is not None else ()
    variant = ContentVariant(wording, phase, len(copies), engine, invalid, reread)
    uids = ResultUids.of(known.sop_instance_uid, instances, digest, version.number, segment_number, variant)
    origin = Origin(
        seg_header,
        known,
        headers,
        result.signature,
        version,
        uids,
        institution_name,
        tumour,
        bool(result.warnings),
        wording,
        engine,
    )
    objects: dict[ResultRole, Dataset] = {}
    if measurement is not None:
        with timer(Stage.SEGMENTATION):
            objects[ResultRole.SEGMENTATION] = segmentation(origin, measurement)
            repeat_on(objects[ResultRole.SEGMENTATION], copies)
    with timer(Stage.KEY_IMAGE):
        objects[ResultRole.KEY_IMAGE] = key_image(origin, result, measurement)
    with timer(Stage.REPORTS):
        if measurement is not None:
            segmented = InstanceReference.of(objects[ResultRole.SEGMENTATION])
            objects[ResultRole.FEATURE_REPORT] = feature_report(origin, result, measurement, segmented)
        references = {role: InstanceReference.of(instance) for role, instance in objects.items()}
        objects[ResultRole.SUMMARY_REPORT] = summary_report(origin, result, measurement, references)
    return objects


def _outline(seg_header: Dataset, known: InstanceReference | None) -> InstanceReference:
    """Return the reference to the outline, with the SOP class of its header where it has one."""
    if known is None:
        return InstanceReference.of(seg_header)
    return replace(known, sop_class_uid=str(seg_header.get("SOPClassUID") or known.sop_class_uid))


def _intact(image_headers: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """Return the headers that identify their object: damaged ones cannot be referenced."""
    return tuple(header for header in image_headers if all(header.get(keyword) for keyword in IDENTITY))
