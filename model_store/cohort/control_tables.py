"""Tables of control regions: features that a signature of the tumour's texture must beat.

Welch et al., Radiotherapy and Oncology 130:2 (2019): a published signature performed the same after the voxels inside
the tumour had been shuffled, because it measured its volume.
"""

from enum import StrEnum


class ControlRegion(StrEnum):
    """What is measured in place of the tumour and its ring."""

    SHUFFLED_VOXELS = "shuffled_voxels"
    """The same voxels in random order: shape and histogram stay, texture is gone."""
    ELSEWHERE = "elsewhere"
    """A region of the same shape in other tissue of the same images."""

    @property
    def table(self) -> str:
        """Name of the table, beside the feature table: ``case``, ``patient``, ``reason`` and the same columns."""
        return f"control_{self.value}"
