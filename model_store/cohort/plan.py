"""What is measured in a cohort: the source of its cases, the profile, and the columns of the feature table."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model_store.cohort.pacs_source import PacsSource
from model_store.cohort.patient_table import PatientTable
from model_store.cohort.twins import PIXEL_DIGEST
from model_store.number_types import Count, CountFromZero, PositiveNumber
from model_store.signatures.own_profile import read_own_profile
from model_store.signatures.profile import DEFAULT_PROFILE, PROFILES, FeatureProfile, present_name

PROFILE = "profile"
"""Column that names the feature profile: several profiles give columns of the same names."""
IDENTITY_COLUMNS = (
    *("case", "patient", "study_uid", "series_uid", "seg_uid", "site", "scanner"),
    *(PIXEL_DIGEST, PROFILE, "reason"),
)
"""Of the feature table, before the 958 features. ``reason`` is empty where the lesion was measured."""


class ResampleMasks(StrEnum):
    """What happens to a mask on another grid than its image."""

    NEVER = "never"
    """It is refused: most such masks belong to another series."""
    NEAREST = "nearest"
    """It takes the grid of the image, by the nearest voxel."""


@dataclass(frozen=True)
class PairNames:
    """How images and masks are named below a folder, such as ``images/{patient}/{patient}_0001.nii.gz``.

    ``{patient}`` is the patient, ``{reader}`` who drew the mask, any other name a part that both have, ``*`` any part.
    """

    image: str
    mask: str
    phases: str = ""
    """Where each phase is a file: the names of all of them, the image's too, in the order of the numbers in them, such
    as ``images/{patient}/{patient}_*.nii.gz``. The first one is before contrast."""

    def __post_init__(self) -> None:
        """Refuse masks without a patient.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if "{patient}" not in self.mask:
            raise ValueError(f"mask: expected a pattern with {{patient}}, found {self.mask!r}")


@dataclass(frozen=True)
class ExtractPlan:
    """Section ``extract``: exactly one of folder, pairs and pacs says where the cases come from."""

    folder: Path | None = None
    """DICOM in any layout, or NIfTI / NRRD images with their masks beside them."""
    pairs: Path | None = None
    """CSV with the columns image, mask, patient; optional: case, label, phase, phases, reader, site, scanner."""
    names: PairNames | None = None
    """With `folder`: the names of its images and masks, where they lie otherwise than beside each other."""
    phase: Count | None = None
    """Of images with several phases (4D), unless `pairs` names one: from 1."""
    resample_masks: ResampleMasks = ResampleMasks.NEVER
    pacs: PacsSource | None = None
    profile: str = DEFAULT_PROFILE.name
    own_profile: Path | None = None
    """A profile of your own, in place of `profile`: fields of a profile, or a parameter file of pyradiomics."""
    controls: bool = True
    """Measure control regions too, which a validated signature has to beat; each lesion then takes about three times
    as long."""
    jobs: CountFromZero = 0
    """Processes that measure; 0 is one for each core."""
    scheduler: str = ""
    """Address of a Dask scheduler (``tcp://host:8786``): its workers measure, on any number of machines that see the
    same files under the same paths."""
    readers: Path | None = None
    """CSV with the columns seg_uid, reader, for SEGs that do not name who drew them."""
    service_configuration: Path | None = None
    """Configuration file of the service, whose ``workers.segment_rules`` also apply to the cohort."""
    sender: str = ""
    """AE title for the rules of one sender."""

    def __post_init__(self) -> None:
        """Refuse a plan without a source of cases, or with several.

        Raises
        ------
        ValueError
            Naming the field.
        """
        given = [name for name in ("folder", "pairs", "pacs") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of folder, pairs and pacs, found {' and '.join(given) or 'none'}")
        if self.names is not None and self.folder is None:
            raise ValueError("names: expected together with folder")
        if present_name(self.profile) not in PROFILES:
            raise ValueError(f"profile: expected one of {', '.join(sorted(PROFILES))}, found {self.profile!r}")

    @property
    def feature_profile(self) -> FeatureProfile:
        """The profile itself.

        Raises
        ------
        StudyError
            The file of an own profile is wrong.
        """
        return read_own_profile(self.own_profile) if self.own_profile else PROFILES[present_name(self.profile)]


@dataclass(frozen=True)
class LabelTable(PatientTable):
    """Which table holds the labels, and how it words them."""

    phenotype: str = "phenotype"
    """Name of the column with the label."""
    hot: tuple[str, ...] = ("hot",)
    cold: tuple[str, ...] = ("cold",)
    left_out: tuple[str, ...] = ()
    """Values of patients who are neither, such as immune-excluded; patients with an empty cell are left out, too."""
    hot_at_least: PositiveNumber | None = None
    """The column holds a quantity (CD8 cells or PD-L1 TPS in per cent, CPS): hot from this value on, else cold."""

    def __post_init__(self) -> None:
        """Refuse a value that would be hot and cold.

        Raises
        ------
        ValueError
            Naming the field.
        """
        super().__post_init__()
        named = [*self.hot, *self.cold, *self.left_out]
        if len({one.casefold() for one in named}) != len(named):
            raise ValueError("hot, cold and left_out: expected each value once")
