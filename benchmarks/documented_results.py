"""The results of a case as highdicom documents it: every slice a source of the SEG, every value a Measurement."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import highdicom as hd
import numpy as np
from highdicom.sr import CodedConcept
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from workers.features.regions import Region

ALGORITHM = hd.AlgorithmIdentificationSequence("radiomics", codes.DCM.ArtificialIntelligence, "1.0")
DEVICE = {"manufacturer": "benchmark", "manufacturer_model_name": "benchmark", "software_versions": "1.0"}


def write_segmentation(images: Sequence[Path], masks: Mapping[Region, NDArray[np.bool_]], path: Path) -> Dataset:
    """Write tumour and ring as one SEG over all slices."""
    sources = [dcmread(image) for image in images]
    segmentation = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.stack(list(masks.values()), axis=-1),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=region.value,
                segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
                segmented_property_type=codes.SCT.Neoplasm,
                algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=ALGORITHM,
                tracking_id=region.value,
                tracking_uid=generate_uid(),
            )
            for number, region in enumerate(masks, start=1)
        ],
        series_instance_uid=generate_uid(),
        series_number=100,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        device_serial_number="1",
        **DEVICE,
    )
    segmentation.save_as(path)
    return segmentation


def write_report(
    segmentation: Dataset, images: Sequence[Path], values: Mapping[Region, Mapping[str, float]], path: Path
) -> None:
    """Write all values of both regions as one TID 1500 report."""
    groups = [
        hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid=generate_uid(), identifier=region.value),
            referenced_segment=hd.sr.ReferencedSegment.from_segmentation(segmentation, number),
            finding_type=codes.SCT.Neoplasm,
            algorithm_id=hd.sr.AlgorithmIdentification(name="radiomics", version="1.0"),
            measurements=[
                hd.sr.Measurement(CodedConcept(f"F{at}", "99BENCH", name[-64:]), float(value), codes.UCUM.NoUnits)
                for at, (name, value) in enumerate(values[region].items())
            ],
        )
        for number, region in enumerate(values, start=1)
    ]
    observer = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(uid=generate_uid()),
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=CodedConcept("126020", "DCM", "Multiparametric MRI"),
        imaging_measurements=groups,
    )
    report = hd.sr.Comprehensive3DSR(
        evidence=[segmentation, *(dcmread(image, stop_before_pixels=True) for image in images)],
        content=content[0],
        series_number=101,
        series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="benchmark",
    )
    report.save_as(path)
