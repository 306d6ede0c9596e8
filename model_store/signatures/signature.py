"""A signature: everything that turns the features of a case into a score, and what is known about how good that is."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from model_store.json_records import as_json, record_of
from model_store.signatures.acceptance import DEFAULT_ACCEPTANCE, AcceptanceContract
from model_store.signatures.certainty import Certainty
from model_store.signatures.harmonisation import Harmonisation
from model_store.signatures.own_columns import OWN_PREFIX, OwnColumn, own_of
from model_store.signatures.profile import FEATURES_PER_REGION, FeatureProfile
from model_store.signatures.training_distance import TrainingDistance
from model_store.signatures.training_ranges import FeatureRange
from model_store.signatures.validation_record import ValidationRecord

if TYPE_CHECKING:
    from model_store.signatures.forest import Forest

REGION_PREFIXES = ("tumour_", "ring_")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


def require_name(name: str) -> None:
    """Refuse what cannot be the id or version of a signature, because it becomes part of a folder's name.

    Raises
    ------
    ValueError
        It holds other characters, or too many.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"id and version are lower-case letters, digits, dots and hyphens, not {name!r}")


class SignatureStatus(StrEnum):
    """The status of a signature."""

    RESEARCH = "research"
    """For tests and studies, never for patient care."""
    VALIDATED = "validated"
    """Measured on other patients, against a bar and protocol declared before (`model_store.signatures.claims`)."""


@dataclass(frozen=True)
class Description:
    """The description of a signature: all of ``signature.json`` but the hashes of its files."""

    id: str
    version: str
    status: SignatureStatus
    intended_use: str
    research_notice: str
    """Shown on every result; empty once the signature is validated."""
    profile: FeatureProfile
    columns: tuple[str, ...]
    """Region and feature, such as ``ring_original_glcm_Contrast``, in the order in which the estimator takes them."""
    threshold: float
    """A case is hot when its score reaches this."""
    cohort: Mapping[str, Any]
    """Which cases it was trained on."""
    training: Mapping[str, Any]
    """Seed, grid, and what was chosen."""
    metrics: Mapping[str, Any]
    """Performance with intervals, by how it was measured."""
    library_versions: Mapping[str, str]
    acceptance: AcceptanceContract = DEFAULT_ACCEPTANCE
    """To what it may be applied; bundles of formats 1 and 2 state none and get the default."""
    certainty: Certainty | None = None
    """What calibrates how sure a verdict is; None where training did not calibrate, as before format 3."""
    validation: Annotated[ValidationRecord | None, Field(exclude_if=lambda record: record is None)] = None
    """What a validated signature rests on; None otherwise."""
    harmonisation: Annotated[Harmonisation | None, Field(exclude_if=lambda found: found is None)] = None
    """What makes the values of its scanners comparable, from format 4 on; None where training did not harmonise."""
    own_columns: Annotated[tuple[OwnColumn, ...], Field(exclude_if=lambda found: not found)] = ()
    """Columns that no image states, from format 5 on: the service cannot score with such a signature."""
    features_per_region: int = FEATURES_PER_REGION

    def __post_init__(self) -> None:
        if self.features_per_region != FEATURES_PER_REGION:
            raise ValueError(
                f"it counts {self.features_per_region} features per region, this program {FEATURES_PER_REGION}"
            )
        for name in (self.id, self.version):
            require_name(name)
        if self.status is SignatureStatus.RESEARCH and not self.research_notice.strip():
            raise ValueError("a research signature needs a research notice, which every result includes")
        if not 0 < self.threshold < 1:
            raise ValueError(f"the threshold is a score between 0 and 1, not {self.threshold}")
        if not self.columns or len(set(self.columns)) != len(self.columns):
            raise ValueError("expected at least one column, and each only once")
        if self.harmonisation and any(
            len(maps.slopes) != len(self.columns) for maps in self.harmonisation.scanners.values()
        ):
            raise ValueError(f"the harmonisation of each scanner has {len(self.columns)} slopes, one for each column")
        known = {one.feature for one in self.own_columns}
        unknown = [name for name in self.columns if name not in known and not name.startswith(REGION_PREFIXES)]
        if unknown:
            raise ValueError(f"columns begin with one of {REGION_PREFIXES} or are own ones, unlike {unknown[:3]}")
        if not_taken := known - set(own_of(self.columns)):
            raise ValueError(
                f"own_columns names {min(not_taken)}, which is no column ({OWN_PREFIX}...) of the estimator"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the description as JSON values; `from_json` reads them back."""
        return as_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Description":
        """Read a description back; bundles of formats 1 and 2 have neither a contract nor a calibration.

        Raises
        ------
        ValueError
            A field is missing, unknown, or holds what it cannot hold.
        """
        fields = {"acceptance": as_json(DEFAULT_ACCEPTANCE), "certainty": None, **value}
        if isinstance(fields.get("profile"), Mapping):
            fields["profile"] = FeatureProfile.from_json(fields["profile"]).to_json()
        return record_of(cls, fields)


@dataclass(frozen=True)
class Signature:
    """A verified signature, ready to score."""

    description: Description
    digest: str
    """SHA-256 of ``signature.json``, which holds those of all other files: the content address of the bundle."""
    estimator: "Forest" = field(repr=False, compare=False)
    ranges: Mapping[str, FeatureRange] = field(repr=False, compare=False)
    """The training distribution of each column, also of those that the estimator does not take."""
    notes: tuple[str, ...] = ()
    """Which libraries have another version than at training; none of them changes a number of the canary."""
    distance: TrainingDistance | None = field(default=None, repr=False, compare=False)
    """Where the contract limits it."""

    @property
    def id(self) -> str:
        """The signature's name, the same for all its versions."""
        return self.description.id

    @property
    def version(self) -> str:
        """The version under this name."""
        return self.description.version

    @property
    def profile(self) -> FeatureProfile:
        """How its features are measured."""
        return self.description.profile

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the estimator takes, in order."""
        return self.description.columns

    @property
    def threshold(self) -> float:
        """A case is hot when its score reaches this."""
        return self.description.threshold

    @property
    def acceptance(self) -> AcceptanceContract:
        """To which images and measurements it may be applied."""
        return self.description.acceptance

    @property
    def certainty(self) -> Certainty | None:
        """What calibrates how sure a verdict is; None in bundles of format 1 and 2."""
        return self.description.certainty

    @property
    def harmonisation(self) -> Harmonisation | None:
        """What makes the values of its scanners comparable; None where it takes features as they are measured."""
        return self.description.harmonisation

    @property
    def own_columns(self) -> tuple[OwnColumn, ...]:
        """Columns that no image states, and how their words become numbers."""
        return self.description.own_columns

    def harmonised(self, rows: NDArray[np.float64], scanner: str) -> NDArray[np.float64]:
        """Return the values (cases, columns) of one scanner (manufacturer and model) as the estimator takes them.

        Those of a scanner that training did not know stay as they are: the acceptance contract refuses such cases.
        """
        return rows if self.harmonisation is None else self.harmonisation.apply(rows, scanner)

    @property
    def research_notice(self) -> str:
        """The notice that every result must carry."""
        return self.description.research_notice

    @property
    def name(self) -> str:
        """Name of the bundle's folder: id, version and the first digits of the digest."""
        return bundle_name(self.id, self.version, self.digest)


def bundle_name(signature_id: str, version: str, digest: str) -> str:
    """Return the folder name under which a bundle is kept."""
    return f"{signature_id}-{version}-{digest[:12]}"


def profile_difference(one: FeatureProfile, other: FeatureProfile) -> list[str]:
    """Return the names of the fields in which two profiles differ."""
    left, right = asdict(one), asdict(other)
    return [name for name in left if left[name] != right[name]]
