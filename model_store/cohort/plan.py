"""What is measured in a cohort: the source of its cases, the profile, and the columns of the feature table."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model_store.cohort.twins import PIXEL_DIGEST
from model_store.number_types import CountFromZero, Port
from model_store.signatures.profile import DEFAULT_PROFILE, PROFILES, FeatureProfile, present_name

PROFILE = "profile"
"""Column that names the feature profile: several profiles give columns of the same names."""
IDENTITY_COLUMNS = (
    *("case", "patient", "study_uid", "series_uid", "seg_uid", "site", "scanner"),
    *(PIXEL_DIGEST, PROFILE, "reason"),
)
"""Of the feature table, before the 958 features. ``reason`` is empty where the lesion was measured."""


class RetrieveMethod(StrEnum):
    """How studies come from a PACS."""

    GET = "get"
    """C-GET: over the same association; it needs no port of ours and no entry in the PACS."""
    MOVE = "move"
    """C-MOVE: to a Storage SCP of ours, which the PACS must know under our AE title."""


@dataclass(frozen=True)
class PacsSource:
    """A PACS, and the list of studies to retrieve from it."""

    queries: Path
    """CSV with a column ``study_uid`` or ``accession_number``."""
    ae_title: str
    host: str
    port: Port
    our_ae_title: str = "RADTME"
    method: RetrieveMethod = RetrieveMethod.GET
    listen_host: str = "127.0.0.1"
    """Where C-MOVE sends to."""
    listen_port: Port = 11114


@dataclass(frozen=True)
class ExtractPlan:
    """Section ``extract``: exactly one of folder, pairs and pacs says where the cases come from."""

    folder: Path | None = None
    """DICOM in any layout, or NIfTI / NRRD images with their masks beside them."""
    pairs: Path | None = None
    """CSV with the columns image, mask, patient; optional: case, label, reader, site, scanner."""
    pacs: PacsSource | None = None
    profile: str = DEFAULT_PROFILE.name
    controls: bool = True
    """Measure control regions too, which a validated signature has to beat; each lesion then takes about three times
    as long."""
    jobs: CountFromZero = 0
    """Processes that measure; 0 is one for each core."""
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
        if present_name(self.profile) not in PROFILES:
            raise ValueError(f"profile: expected one of {', '.join(sorted(PROFILES))}, found {self.profile!r}")

    @property
    def feature_profile(self) -> FeatureProfile:
        """The profile itself."""
        return PROFILES[present_name(self.profile)]
