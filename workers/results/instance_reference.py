"""A reference to an instance: study, series, SOP class and UID."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset


KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


@dataclass(frozen=True)
class InstanceReference:
    """The reference to an instance: its study, series, SOP class and SOP Instance UID."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str

    @classmethod
    def of(cls, instance: "Dataset") -> "InstanceReference":
        """Return the reference to ``instance``."""
        from workers.images.attributes import text  # like pydicom: records are read without it

        return cls(*(text(instance, keyword) or str(instance[keyword].value) for keyword in KEYWORDS))

    def item(self) -> "Dataset":
        """Return the SOP Instance Reference Macro (PS3.3 table 10-11)."""
        from pydicom import Dataset  # imported here, because records hold references and are read without pydicom

        item = Dataset()
        item.ReferencedSOPClassUID = self.sop_class_uid
        item.ReferencedSOPInstanceUID = self.sop_instance_uid
        return item
