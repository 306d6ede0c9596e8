"""What images say in codes and units of how they were computed (PS3.3 sections C.7.6.1.1.3 and C.7.6.16.2.11)."""

from collections.abc import Iterator
from types import MappingProxyType

from pydicom import Dataset

from workers.images.attributes import text
from workers.images.functional_groups import functional_groups

COMPUTATIONS = MappingProxyType(
    {
        "113042": "Pixel by pixel addition",
        "113046": "Pixel by pixel division",
        "113047": "Pixel by pixel mask",
        "113048": "Pixel by pixel Maximum",
        "113049": "Pixel by pixel mean",
        "113050": "Metabolite Maps from spectroscopy data",
        "113051": "Pixel by pixel Minimum",
        "113053": "Pixel by pixel multiplication",
        "113062": "Pixel by pixel subtraction",
        "113074": "Volume rendering",
        "113075": "Surface rendering",
        "113078": "Maximum intensity projection",
        "113079": "Minimum intensity projection",
        "129104": "Perfusion image analysis",
        "129105": "Diffusion image analysis",
    }
)
"""Codes of CID 7203 (coding scheme DCM). Filters, reformatting and lossy compression are not among them."""
UNITS = frozenset({"%", "1/s", "/s", "s-1", "/min", "1/min", "min-1", "Hz", "mm2/s", "um2/s", "ms", "ppm", "s"})
"""UCUM units of diffusion, relaxation, perfusion and fat maps; grey values of MR images have no unit."""


def stated_computation(header: Dataset, frame_number: int | None = None) -> str:
    """Return the evidence in codes and units that images were computed from others; empty where there is none."""
    for holder in (header, *functional_groups(header, frame_number)):
        for item in (holder, *(holder.get("DerivationImageSequence") or ())):
            for code in item.get("DerivationCodeSequence") or ():
                if text(code, "CodingSchemeDesignator") == "DCM" and text(code, "CodeValue") in COMPUTATIONS:
                    return f"derivation {COMPUTATIONS[text(code, 'CodeValue')]}"
        for unit in _units(holder):
            if unit in UNITS:
                return f"pixel values in {unit}"
    return ""


def _units(holder: Dataset) -> Iterator[str]:
    """Yield the units of the pixel values, of an image or of a frame."""
    yield text(holder, "RescaleType")
    for item in holder.get("PixelValueTransformationSequence") or ():
        yield text(item, "RescaleType")
    for item in holder.get("RealWorldValueMappingSequence") or ():
        for code in item.get("MeasurementUnitsCodeSequence") or ():
            yield text(code, "CodeValue")
