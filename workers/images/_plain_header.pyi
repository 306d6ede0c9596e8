import mmap

from pydicom import DataElement
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

SOURCES: str

def tag(number: int) -> BaseTag: ...
def read(
    content: bytes | mmap.mmap,
    known: dict[BaseTag, RawDataElement] | None,
    max_sequence_depth: int,
    max_sequence_items: int,
    max_header_bytes: int,
) -> tuple[dict[BaseTag, RawDataElement | DataElement | tuple[int, int]], bytes, int, int, int, int] | None: ...
