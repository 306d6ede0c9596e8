"""The bundle: a signature as a folder whose content is verified by hashes.

    <id>-<version>-<first 12 digits of the digest>/
        signature.json     description, and the SHA-256 of every other file
        estimator.skops    the random forest
        canary.npz         probes and their scores
        distance.npz       how far a case lies from the training cases, where the contract limits it
        reference.npz      training distribution of every feature (format 1: reference.parquet)
        MODEL_CARD.md      for people, with its figures beside it

The digest is the SHA-256 of ``signature.json``; the folder's name carries its first digits. So no byte of any file can
change without contradicting the name or a hash.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Container, Mapping, Set
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_store.errors import SignatureError, TrainingError
from model_store.files import readable_json, sha256_of, sync_folder, write_durably
from model_store.json_records import as_json, record_of
from model_store.signatures import canary as canary_file
from model_store.signatures import training_distance, training_ranges
from model_store.signatures.canary import Canary, check_canary
from model_store.signatures.claims import requirements
from model_store.signatures.estimator import from_skops, to_skops
from model_store.signatures.profile import PROFILES
from model_store.signatures.signature import Description, Signature, SignatureStatus, bundle_name, profile_difference
from model_store.signatures.training_distance import TrainingDistance
from model_store.signatures.training_ranges import FeatureRange
from model_store.signatures.validation_record import ValidationRecord

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

FORMAT = 3
"""From 3 on, ``signature.json`` holds ``acceptance`` and ``certainty``."""
HARMONISED_FORMAT = 4
"""It also holds ``harmonisation``. Bundles without one keep format 3, which earlier versions of this program read."""
OWN_FORMAT = 5
"""It takes own columns or kinetic features."""
DESCRIPTION, ESTIMATOR, CANARY, REFERENCE, CARD = (
    "signature.json",
    "estimator.skops",
    "canary.npz",
    "reference.npz",
    "MODEL_CARD.md",
)
DISTANCE = "distance.npz"
REPRODUCTION = "reproduction.json"
"""What lets the figures of a bundle be repeated (`model_store.training.reproduction`); bundles of before have none."""
REFERENCES: Mapping[int, tuple[str, Callable[[bytes], dict[str, FeatureRange]]]] = {
    1: ("reference.parquet", training_ranges.from_parquet),
    2: (REFERENCE, training_ranges.from_npz),
    FORMAT: (REFERENCE, training_ranges.from_npz),
    HARMONISED_FORMAT: (REFERENCE, training_ranges.from_npz),
    OWN_FORMAT: (REFERENCE, training_ranges.from_npz),
}
"""The file with the training distribution and its reader, by the bundle's format."""
REQUIRED_FILES = frozenset({DESCRIPTION, ESTIMATOR, CANARY, CARD})
"""Of every format."""
LIBRARIES = ("numpy", "pyradiomics", "scikit-learn", "SimpleITK", "skops")
"""Those that change a number between pixels and score."""
FORKS = {"pyradiomics": "pyradiomics-bhklab"}
"""By which distribution a library is provided where it cannot be built itself."""


@dataclass(frozen=True)
class BundleHead:
    """What ``signature.json`` holds beside the description."""

    format: int
    files: Mapping[str, str]
    """SHA-256 of each other file of the bundle, by name."""


@dataclass(frozen=True)
class BundleContent:
    """What is to become a bundle."""

    description: Description
    estimator: "RandomForestClassifier | bytes"
    """As it was trained, or as the file of a bundle that holds it."""
    canary: Canary
    ranges: Mapping[str, FeatureRange]
    card: str
    figures: Mapping[str, bytes]
    """By file name."""
    distance: TrainingDistance | None = None
    """Where the description's contract limits it."""


def write_bundle(parent: Path, content: BundleContent) -> Path:
    """Write a bundle into ``parent``, read it back with every check, and return its folder.

    A bundle of the same content that is there already is checked and kept.
    """
    files = {
        ESTIMATOR: content.estimator if isinstance(content.estimator, bytes) else to_skops(content.estimator),
        CANARY: canary_file.to_npz(content.canary),
        REFERENCE: training_ranges.to_npz(content.ranges),
        CARD: content.card.encode(),
        **content.figures,
    }
    if content.distance is not None:
        files[DISTANCE] = training_distance.to_npz(content.distance)
    hashes = {name: sha256_of(data) for name, data in files.items()}
    head = as_json(BundleHead(_format_of(content.description), hashes))
    files[DESCRIPTION] = readable_json({**head, **content.description.to_json()})
    name = bundle_name(content.description.id, content.description.version, sha256_of(files[DESCRIPTION]))
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".bundle-", dir=parent))
    try:
        folder.chmod(0o755)
        for file_name, data in files.items():
            write_durably(folder / file_name, data)
        sync_folder(folder)
        return move_verified(folder, parent / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _format_of(description: Description) -> int:
    if description.own_columns or description.profile.kinetics is not None:
        return OWN_FORMAT
    return FORMAT if description.harmonisation is None else HARMONISED_FORMAT


def move_verified(folder: Path, final: Path) -> Path:
    """Verify a complete folder and rename it to ``final``; a bundle that is there already is verified instead."""
    load_bundle(folder, name=final.name)
    if final.exists():
        load_bundle(final)
        return final
    try:
        folder.rename(final)
    except OSError as error:
        if not final.exists():
            raise SignatureError(f"cannot put the bundle at {final}: {error.strerror}") from error
        load_bundle(final)  # another process was faster with the same content
    sync_folder(final.parent)
    return final


def load_bundle(folder: Path, name: str | None = None) -> Signature:
    """Read a bundle with every check.

    ``name`` is what the folder should be called, where it is not yet (while it is being published).

    Raises
    ------
    SignatureError
        A file is missing, unknown or changed; this program cannot use the description, the profile or the
        estimator; the canary has other scores than at training.
    """
    files = _read_files(folder)
    head, described = _parse(files[DESCRIPTION])
    digest = sha256_of(files[DESCRIPTION])
    reference, read_ranges = REFERENCES[head.format]
    _require(files, {reference}, folder)
    _check_hashes(files, head.files)
    description = _describe(described)
    expected = bundle_name(description.id, description.version, digest)
    if (name or folder.resolve().name) != expected:
        raise SignatureError(
            f"{DESCRIPTION} was changed, or the folder was renamed: its content belongs to {expected}, "
            f"the folder is called {name or folder.resolve().name}; fetch the bundle again"
        )
    if (head.format == HARMONISED_FORMAT) != (description.harmonisation is not None):
        raise SignatureError(
            f"{DESCRIPTION} has format {head.format}: expected a harmonisation in format {HARMONISED_FORMAT} alone; "
            "fetch the bundle again"
        )
    _check_profile(description)
    _check_claims(description)
    estimator = from_skops(files[ESTIMATOR])
    if estimator.n_features_in_ != len(description.columns):
        raise SignatureError(
            f"{ESTIMATOR} takes {estimator.n_features_in_} columns, {DESCRIPTION} names {len(description.columns)}"
        )
    check_canary(canary_file.from_npz(files[CANARY]), estimator)
    ranges = read_ranges(files[reference])
    if unknown := [column for column in description.columns if column not in ranges]:
        raise SignatureError(f"{reference} does not hold the training distribution of {', '.join(unknown[:3])}")
    notes = _library_notes(description.library_versions)
    return Signature(description, digest, estimator, ranges, notes, _distance(files, description))


def _distance(files: Mapping[str, bytes], description: Description) -> TrainingDistance | None:
    """Return the distance that the contract limits; the one is not there without the other."""
    if (description.acceptance.max_training_distance is None) != (DISTANCE not in files):
        raise SignatureError(
            f"{DESCRIPTION} limits the distance from the training cases, and {DISTANCE} measures it: expected both or "
            "none of them; fetch the bundle again"
        )
    return training_distance.from_npz(files[DISTANCE], len(description.columns)) if DISTANCE in files else None


def installed_versions() -> dict[str, str]:
    """Return the versions of the libraries that change a number between pixels and score."""
    return {name: _installed_version(name) for name in LIBRARIES}


def _installed_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        # From Python 3.12 on, a fork provides the module (pyproject.toml).
        fork = FORKS[name]
        return f"{version(fork)} ({fork})"


def _read_files(folder: Path) -> dict[str, bytes]:
    """Return every file of the bundle; a bundle has no folders and no links."""
    if not folder.is_dir():
        raise SignatureError(f"{folder} is not a folder; expected a bundle: a folder that contains {DESCRIPTION}")
    with os.scandir(folder) as entries:
        names = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    _require(names, REQUIRED_FILES, folder)
    if strange := sorted(name for name, is_file in names.items() if not is_file):
        raise SignatureError(
            f"{folder.name}: {', '.join(strange)} is not a regular file; a bundle contains only regular files"
        )
    try:
        return {name: (folder / name).read_bytes() for name in sorted(names)}
    except OSError as error:
        raise SignatureError(f"{folder.name}: {error.filename} cannot be read: {error.strerror}") from error


def _require(present: Container[str], names: Set[str], folder: Path) -> None:
    if missing := sorted(name for name in names if name not in present):
        raise SignatureError(f"{folder.name}: {', '.join(missing)} missing; fetch the bundle again")


def _parse(content: bytes) -> tuple[BundleHead, dict[str, Any]]:
    """Return the head of ``signature.json``, and the JSON of the description."""
    try:
        described = dict(json.loads(content))
        head = record_of(BundleHead, {name: described.pop(name) for name in BundleHead.__dataclass_fields__})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SignatureError(f"{DESCRIPTION} cannot be read: {error}; fetch the bundle again") from error
    if head.format not in REFERENCES:
        known = " and ".join(map(str, REFERENCES))
        raise SignatureError(
            f"{DESCRIPTION} has format {head.format}, this program reads {known}: update the older one"
        )
    return head, described


def _check_hashes(files: Mapping[str, bytes], hashes: Mapping[str, str]) -> None:
    """Raise for the first file whose hash is not that in ``signature.json``."""
    present = set(files) - {DESCRIPTION}
    if unknown := sorted(present - set(hashes)):
        raise SignatureError(f"{', '.join(unknown)} is not named in {DESCRIPTION}; remove it or fetch the bundle again")
    if missing := sorted(set(hashes) - present):
        raise SignatureError(f"{', '.join(missing)} is named in {DESCRIPTION} but missing; fetch the bundle again")
    for name in sorted(present):
        found = sha256_of(files[name])
        if found != hashes[name]:
            raise SignatureError(
                f"{name} was changed: its SHA-256 is {found[:12]}..., {DESCRIPTION} says {str(hashes[name])[:12]}...; "
                "fetch the bundle again"
            )


def _describe(raw: Mapping[str, Any]) -> Description:
    try:
        return Description.from_json(raw)
    except ValueError as error:
        raise SignatureError(
            f"{DESCRIPTION} does not fit this program: {error}; build the signature with this version"
        ) from error


def _check_profile(description: Description) -> None:
    """Raise when the program means something else by the profile's name."""
    known = PROFILES.get(description.profile.name)
    differing = profile_difference(known, description.profile) if known else []
    if known and (differing := [name for name in differing if name != "phase_rule"]):
        raise SignatureError(
            f"{DESCRIPTION}: the profile {known.name} differs from this program's in {', '.join(differing)}; "
            "build the signature with this version"
        )


def _check_claims(description: Description) -> None:
    """Raise for a bundle that states to be validated without what it needs: computed from what it carries."""
    if description.status is not SignatureStatus.VALIDATED:
        return
    record = description.validation or ValidationRecord(None, {})
    try:
        unmet = [one for one in requirements(description, record) if not one.is_met]
    except (KeyError, TypeError, ValueError, AttributeError, TrainingError) as error:
        raise SignatureError(
            f"{DESCRIPTION} states that the signature is validated, and what it rests on cannot be read: "
            f"{type(error).__name__} {error}"
        ) from error
    if unmet:
        raise SignatureError(
            f"{DESCRIPTION} states that the signature is validated, and what it carries does not show it: "
            f"{'; '.join(f'{one.name}: {one.found}' for one in unmet)}. Publish it with radtme signature publish, or "
            "with status research and a notice"
        )


def _library_notes(trained_with: Mapping[str, str]) -> tuple[str, ...]:
    """Say which libraries are other ones than at training."""
    here = installed_versions()
    return tuple(
        f"trained with {name} {trained}, running with {here[name]}"
        for name, trained in trained_with.items()
        if here.get(name, trained) != trained
    )
