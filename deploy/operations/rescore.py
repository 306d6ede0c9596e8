"""Scores a delivered feature report again, from its own numbers: no images, no spool."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread

from deploy.errors import CommandError
from listener.dicom.data_set import UNREADABLE_FILE
from model_store.errors import SignatureError
from model_store.signatures.bundle import load_bundle
from model_store.signatures.signature import Signature, profile_difference
from workers.errors import RejectedInput
from workers.reports.feature_reader import FeatureReport, NotAFeatureReport, read_feature_report
from workers.scoring.score import score

ROUNDING = 1e-12
"""Scores of two machines may differ by the order in which votes are added."""


@dataclass(frozen=True)
class Rescored:
    """The comparison of a report with its repetition."""

    signature: str
    """Id and version."""
    signature_digest: str
    reported: float | None
    """The score as the report states it; None in the report of a case that was not scored."""
    repeated: float | None
    """None where a feature that the signature needs is missing."""
    problems: tuple[str, ...]
    """What does not agree; empty where the report can be repeated."""


def rescore(path: Path, bundles: Sequence[Path]) -> Rescored:
    """Return the score of a feature report, computed again with the signature that it names.

    ``bundles`` are the folders in which the signature is looked for, by its digest.

    Raises
    ------
    CommandError
        If the file is no feature report, or the signature is not there or fails its verification.
    """
    report = _read(path)
    signature = _signature(report, bundles)
    repeated: float | None = None
    missing: tuple[str, ...] = ()
    try:
        repeated = score(signature, report.regions, report.scanner).hot_probability
    except RejectedInput as error:
        missing = (str(error),)
    problems = (*_problems(report, signature, repeated), *missing)
    name = f"{signature.id} {signature.version}"
    return Rescored(name, signature.digest, report.hot_probability, repeated, problems)


def _read(path: Path) -> FeatureReport:
    try:
        return read_feature_report(dcmread(path))
    except NotAFeatureReport as error:  # is a ValueError, which a file that is not DICOM raises too
        raise CommandError(f"{path}: {error}", "name a feature report of radtme") from error
    except UNREADABLE_FILE as error:
        raise CommandError(f"{path} cannot be read as DICOM", "name a feature report of radtme") from error


def _signature(report: FeatureReport, bundles: Sequence[Path]) -> Signature:
    for folder in bundles:
        if folder.name.endswith(f"-{report.signature_digest[:12]}"):
            try:
                signature = load_bundle(folder)
            except SignatureError as error:
                raise CommandError(f"{folder.name}: {error}", "publish the signature again") from error
            if signature.digest == report.signature_digest:
                return signature
    raise CommandError(
        f"no published signature has the digest {report.signature_digest[:12]}... of {report.signature_id}",
        "publish it with radtme signature publish",
    )


def _problems(report: FeatureReport, signature: Signature, repeated: float | None) -> Iterator[str]:
    if not report.is_intact:
        yield "the features are not those that were written: their SHA-256 differs"
    differing = [name for name in profile_difference(report.profile, signature.profile) if name != "phase_rule"]
    if differing:
        yield f"the processing chain differs from the signature's profile in {', '.join(differing)}"
    if report.hot_probability is None:
        yield "the report states no score"
    elif repeated is not None and abs(report.hot_probability - repeated) > ROUNDING:
        yield f"the report states the score {report.hot_probability!r}, its features give {repeated!r}"
    if report.threshold is not None and report.threshold != signature.threshold:
        yield f"the report states the threshold {report.threshold!r}, the signature has {signature.threshold!r}"
