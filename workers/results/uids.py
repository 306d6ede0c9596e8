"""UIDs of results, derived from their sources, so that a retry produces the same objects."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from workers.features.regions import Region
from workers.results.result_roles import ResultRole
from workers.texts.wording import ENGLISH, Wording


def derived_uid(*parts: str) -> str:
    """Return the UID that is derived from these texts.

    The form is that of PS3.5 section B.2: 2.25 and a UUID as an integer. The UUID consists of the first 128 bits of a
    SHA-256 over the texts, with the version and variant bits of a name-based UUID.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


CONTENT_REVISIONS: Mapping[ResultRole, int] = MappingProxyType(
    {
        ResultRole.SEGMENTATION: 2,
        ResultRole.KEY_IMAGE: 3,
        ResultRole.FEATURE_REPORT: 4,
        ResultRole.SUMMARY_REPORT: 5,
    }
)
"""Roles whose content a release changed for the same inputs: one SOP Instance UID never stands for two contents.

The summary report refers to all other results, so it steps with each of them.
"""

FIRST_ENGINE = "radtme 1 (definitions of pyradiomics 3.0.1)"
"""Results of this engine keep the UIDs that they had before the engine became part of them."""


@dataclass(frozen=True)
class ContentVariant:
    """What differs between the contents of results of the same inputs. Defaults leave the UIDs as they are."""

    wording: Wording = ENGLISH
    phase: str = ""
    """The measured phase and how many were received, in words: part of the results for people."""
    phase_copies: int = 0
    """Number of further phases on which the segmentation, to which all other results refer, repeats its frames."""
    engine: str = ""
    """Name and version of the feature engine, which the reports state."""
    left_out: tuple[str, ...] = ()
    """Attributes of the source that break DICOM's rules and are therefore not copied into any result."""
    reread: tuple[str, ...] = ()
    """Attributes of the images that earlier versions read otherwise."""

    def parts(self, role: ResultRole) -> tuple[str, ...]:
        """Return what tells the content of a role apart from others; it covers the objects that the role refers to."""
        left_out = f"without {' '.join(self.left_out)}" if self.left_out else ""
        copies = f"on {self.phase_copies} further phases" if self.phase_copies else ""
        engine = f"measured by {self.engine}" if self.engine not in ("", FIRST_ENGINE) else ""
        words = ", ".join(filter(None, (self.wording.key, self.phase)))
        found = {
            ResultRole.SEGMENTATION: (copies, self.wording.segmentation_key),
            ResultRole.KEY_IMAGE: (copies, words),
            ResultRole.FEATURE_REPORT: (copies, self.wording.feature_report_key, engine),
            ResultRole.SUMMARY_REPORT: (copies, words, engine),
        }
        reread = f"with {' '.join(self.reread)}" if self.reread else ""
        return tuple(filter(None, (left_out, reread, *found[role])))


@dataclass(frozen=True)
class ResultUids:
    """The UIDs of all results of one case.

    They are derived from the outline, the measured instances in any order, the signature, and the result version.
    """

    seg_uid: str
    instance_uids: frozenset[str]
    signature_digest: str
    """Empty where no signature could be loaded."""
    version: int
    segment_number: int | None = None
    """Segment number of a further tumour of the outline; None for its first or only one."""
    variant: ContentVariant = ContentVariant()

    @classmethod
    def of(
        cls,
        seg_uid: str,
        instance_uids: Iterable[str],
        signature_digest: str,
        version: int,
        segment_number: int | None = None,
        variant: ContentVariant | None = None,
    ) -> "ResultUids":
        """Collect the values that the UIDs are derived from."""
        variant = variant or ContentVariant()
        return cls(seg_uid, frozenset(instance_uids), signature_digest, version, segment_number, variant)

    @property
    def _outline(self) -> str:
        return self.seg_uid if self.segment_number is None else f"{self.seg_uid}#{self.segment_number}"

    def _derive(self, *parts: str) -> str:
        inputs = (self._outline, *sorted(self.instance_uids), self.signature_digest, str(self.version))
        return derived_uid("radtme result", *parts, *inputs)

    def instance(self, role: ResultRole) -> str:
        """Return the SOP Instance UID of a result."""
        return self._derive("instance", role.value, *self._content(role))

    def series(self, role: ResultRole) -> str:
        """Return the Series Instance UID of a result: each has its own, because viewers show one object per series."""
        return self._derive("series", role.value, *self._content(role))

    def _content(self, role: ResultRole) -> tuple[str, ...]:
        """Return what tells apart two contents of a role for the same inputs."""
        revision = CONTENT_REVISIONS.get(role, 1)
        return (*((f"revision {revision}",) if revision > 1 else ()), *self.variant.parts(role))

    def dimension_organization(self) -> str:
        """Return the Dimension Organization UID of the segmentation."""
        return self._derive("dimension organization")

    def tracking(self, region: Region) -> str:
        """Return the tracking UID of a region: the same in every version, because the region stays the same."""
        return derived_uid("radtme region", region.value, self._outline)

    def verdict_tracking(self) -> str:
        """Return the tracking UID of a verdict about an outline without a measured region."""
        return derived_uid("radtme verdict", self._outline)

    def device(self) -> str:
        """Return the Device UID: it changes with the signature (IHE AIR)."""
        return derived_uid("radtme device", self.signature_digest)
