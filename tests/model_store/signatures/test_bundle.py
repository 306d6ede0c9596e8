"""A bundle is used unchanged, or refused."""

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from model_store.errors import SignatureError
from model_store.files import readable_json, sha256_of
from model_store.json_records import as_json
from model_store.signatures import numpy_archive
from model_store.signatures.acceptance import AcceptanceContract
from model_store.signatures.bundle import (
    FORMAT,
    BundleContent,
    BundleHead,
    installed_versions,
    load_bundle,
    write_bundle,
)
from model_store.signatures.canary import Canary
from model_store.signatures.estimator import to_skops
from model_store.signatures.profile import HAN2024
from model_store.signatures.registry import SHIPPED_AS_FORMAT_1, Registry, shipped_bundle
from model_store.signatures.signature import bundle_name
from support.former_signatures import SHIPPED_AS_FORMAT_2, SHIPPED_BEFORE_REDRAWS

FILES = (
    "signature.json",
    "estimator.skops",
    "canary.npz",
    "reference.npz",
    "distance.npz",
    "MODEL_CARD.md",
    "roc.png",
    "calibration.png",
    "importance.png",
)


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    """Return a bundle that may be damaged."""
    return Path(shutil.copytree(bundle, tmp_path / bundle.name))


def resealed(folder: Path, parent: Path) -> Path:
    """Give a changed bundle consistent hashes and the name that goes with them, as a forger would."""
    description = json.loads((folder / "signature.json").read_text())
    for name in description["files"]:
        description["files"][name] = sha256_of((folder / name).read_bytes())
    (folder / "signature.json").write_text(json.dumps(description))
    digest = sha256_of((folder / "signature.json").read_bytes())
    return folder.rename(parent / bundle_name(description["id"], description["version"], digest))


def test_what_was_written_is_read(bundle: Path, bundle_content: BundleContent) -> None:
    """A bundle gives back its description, its ranges and the same probabilities."""
    signature = load_bundle(bundle)
    assert signature.description.profile == bundle_content.description.profile == HAN2024
    read, written = (
        json.dumps(d.to_json(), sort_keys=True) for d in (signature.description, bundle_content.description)
    )
    assert read == written
    assert signature.ranges == bundle_content.ranges
    rows = bundle_content.canary.inputs
    assert np.array_equal(signature.estimator.predict_proba(rows), bundle_content.estimator.predict_proba(rows))
    assert bundle.name == signature.name == f"test-signature-1.0-{signature.digest[:12]}"
    assert signature.notes == ()


def test_the_shipped_description_is_written_with_the_bytes_that_it_was_read_from() -> None:
    """The content address of a bundle does not depend on who writes its description again."""
    folder = shipped_bundle()
    content = (folder / "signature.json").read_bytes()
    head = as_json(BundleHead(FORMAT, json.loads(content)["files"]))
    assert readable_json({**head, **load_bundle(folder).description.to_json()}) == content


def test_same_content_gives_same_digest(bundle: Path, bundle_content: BundleContent, tmp_path: Path) -> None:
    """Writing the same content again, at another time and place, gives the same files and so the same name."""
    again = write_bundle(tmp_path, bundle_content)
    assert again.name == bundle.name
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in bundle.iterdir()}


def test_bundle_holds_the_files_that_are_tested_here(bundle: Path) -> None:
    """The test of damage covers every file of a bundle."""
    assert sorted(path.name for path in bundle.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("where", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_refused_with_the_name_of_its_file(copy: Path, name: str, where: float) -> None:
    """A bit that flips in any file, wherever it is, refuses the signature and says which file it was."""
    content = bytearray((copy / name).read_bytes())
    content[int(len(content) * where)] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(SignatureError, match=name):
        load_bundle(copy)


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(copy: Path, name: str) -> None:
    """A file that is not there is named."""
    (copy / name).unlink()
    with pytest.raises(SignatureError, match=name):
        load_bundle(copy)


def test_unknown_file_folder_and_link_are_refused(bundle: Path, tmp_path: Path) -> None:
    """Nothing that the description does not name may lie in a bundle."""
    for name, make in {
        "more.txt": lambda path: path.write_text("x"),
        "folder": lambda path: path.mkdir(),
        "link": lambda path: path.symlink_to(bundle / "roc.png"),
    }.items():
        copy = Path(shutil.copytree(bundle, tmp_path / name / bundle.name))
        make(copy / name)
        with pytest.raises(SignatureError, match=name):
            load_bundle(copy)


FORMAT_1 = Path(__file__).parent / "format_1"
"""What the shipped signature 1.0.0 had otherwise than 1.1.0; the forest and the rest are the same files."""


@pytest.fixture
def bundle_of_format_1(tmp_path: Path) -> Path:
    """Return the signature that the program shipped before its training distribution became an npz file."""
    folder = Path(shutil.copytree(SHIPPED_AS_FORMAT_2, tmp_path / SHIPPED_AS_FORMAT_1))
    (folder / "reference.npz").unlink()
    return Path(shutil.copytree(FORMAT_1, folder, dirs_exist_ok=True))


def test_bundle_of_format_1_is_read_with_pyarrow(bundle_of_format_1: Path) -> None:
    """Its name still proves its content, and everything that makes a score equals its successor's."""
    before, now = load_bundle(bundle_of_format_1), load_bundle(SHIPPED_AS_FORMAT_2)
    assert before.ranges == now.ranges
    rule = now.profile.phase_rule  # which images are measured, and nothing of how
    profile = dataclasses.replace(before.profile, phase_rule=rule)
    assert dataclasses.replace(before.description, version=now.version, profile=profile) == now.description
    for name in ("estimator.skops", "canary.npz"):
        assert (bundle_of_format_1 / name).read_bytes() == (SHIPPED_AS_FORMAT_2 / name).read_bytes()


def test_bundle_of_format_1_says_what_it_needs_where_pyarrow_is_missing(
    bundle_of_format_1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is installed without pyarrow: the message names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SignatureError, match=r"reference\.parquet.*radtme\[study\]"):
        load_bundle(bundle_of_format_1)


def test_shipped_signature_of_format_1_is_succeeded_by_the_shipped_one(
    bundle_of_format_1: Path, tmp_path: Path
) -> None:
    """After an upgrade the service uses a readable signature; one that a person activated stays active."""
    registry = Registry(tmp_path / "models")
    registry.publish(bundle_of_format_1)
    registry.activate(bundle_of_format_1.name)
    registry.ensure_shipped()
    assert registry.active().name == shipped_bundle().name
    assert [move.name for move in registry.history()] == [bundle_of_format_1.name, shipped_bundle().name]


def test_a_bundle_of_format_2_measures_as_before() -> None:
    """The shipped 1.1.0 keeps its whole-image z-scores, and stays active where it was."""
    assert load_bundle(SHIPPED_AS_FORMAT_2).profile == HAN2024


def test_the_signature_of_the_former_release_is_read_and_stays_active(tmp_path: Path) -> None:
    """Its hashes and its canary hold, and the one that is shipped now does not take its place."""
    registry = Registry(tmp_path)
    registry.publish(SHIPPED_BEFORE_REDRAWS)
    registry.activate(SHIPPED_BEFORE_REDRAWS.name)
    registry.ensure_shipped()
    assert registry.active().version == "1.2.0"
    assert shipped_bundle().name in registry.names()


def test_renamed_folder_is_refused(copy: Path) -> None:
    """The folder's name carries the digest: a bundle under another's name is refused."""
    other = copy.rename(copy.with_name("test-signature-1.0-000000000000"))
    with pytest.raises(SignatureError, match="000000000000"):
        load_bundle(other)


def test_canary_refuses_another_forest(copy: Path, bundle_content: BundleContent, tmp_path: Path) -> None:
    """A forest that gives other scores than at training is refused, even where all hashes fit."""
    rng = np.random.default_rng(0)
    other = RandomForestClassifier(5, max_depth=2, random_state=0, n_jobs=1)
    other.fit(rng.normal(size=(40, len(bundle_content.description.columns))), np.arange(40) % 2)
    (copy / "estimator.skops").write_bytes(to_skops(other))
    with pytest.raises(SignatureError, match=r"canary\.npz: probe .* different score"):
        load_bundle(resealed(copy, tmp_path))


def test_canary_of_nan_is_refused(bundle_content: BundleContent, tmp_path: Path) -> None:
    """A score that is not a number is refused."""
    canary = Canary(bundle_content.canary.inputs, np.full_like(bundle_content.canary.outputs, np.nan))
    with pytest.raises(SignatureError, match="canary"):
        write_bundle(tmp_path, dataclasses.replace(bundle_content, canary=canary))
    assert list(tmp_path.iterdir()) == []


def test_profile_that_means_something_else_is_refused(copy: Path, tmp_path: Path) -> None:
    """A profile of a known name with another value would give other numbers: refused, with the field's name."""
    description = json.loads((copy / "signature.json").read_text())
    description["profile"]["bin_width"] = 5.0
    (copy / "signature.json").write_text(json.dumps(description))
    with pytest.raises(SignatureError, match=f"{HAN2024.name} differs .* bin_width"):
        load_bundle(resealed(copy, tmp_path))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("features_per_region", 478, "478 features per region"),
        ("threshold", 1.5, "threshold"),
        ("research_notice", "", "notice"),
        ("research_notice", " ", "notice"),
        ("columns", ["tumour_a", "tumour_a"], "each only once"),
        ("columns", ["skin_a"], "skin_a"),
        ("status", "approved", "approved"),
        ("surprise", 1, "surprise"),
        ("format", 4, "format 4"),
        ("format", 1, "reference.parquet missing"),
        ("profile", {"name": "han2024"}, "filters"),
        ("certainty", "sure", "certainty"),
        ("acceptance", {"min_grey_levels": 8}, "max_outside_share"),
    ],
)
def test_description_that_does_not_fit_is_refused(
    copy: Path, tmp_path: Path, field: str, value: object, said: str
) -> None:
    """A description with a value that this program cannot use is refused and says which."""
    description = json.loads((copy / "signature.json").read_text())
    description[field] = value
    (copy / "signature.json").write_text(json.dumps(description))
    with pytest.raises(SignatureError, match=said):
        load_bundle(resealed(copy, tmp_path))


def test_a_bundle_of_format_2_has_the_documented_default_contract() -> None:
    """The shipped 1.1.0 states no contract: techniques, phase, 8 grey levels and a quarter of its features hold."""
    description = load_bundle(SHIPPED_AS_FORMAT_2).description
    assert (description.acceptance, description.certainty) == (AcceptanceContract({}, 8, 0.25), None)


def test_distance_and_its_limit_come_together(copy: Path, tmp_path: Path) -> None:
    """A contract that limits the distance needs its arrays, and arrays without a limit would be ignored."""
    description = json.loads((copy / "signature.json").read_text())
    description["acceptance"]["max_training_distance"] = None
    (copy / "signature.json").write_text(json.dumps(description))
    with pytest.raises(SignatureError, match=r"distance\.npz"):
        load_bundle(resealed(copy, tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("scale"), "cannot be read"),
        (lambda arrays: arrays.update(median=np.zeros(1)), "median"),
        (lambda arrays: arrays["location"].fill(np.nan), "location"),
        (lambda arrays: arrays["scale"].fill(0.0), "scale"),
    ],
)
def test_a_distance_that_cannot_be_computed_is_refused(
    copy: Path, tmp_path: Path, change: Callable[[dict[str, np.ndarray]], object], said: str
) -> None:
    """Other shapes, infinite numbers or a scale of 0 would let every case pass, or none."""
    arrays = numpy_archive.from_npz((copy / "distance.npz").read_bytes())
    change(arrays)
    (copy / "distance.npz").write_bytes(numpy_archive.to_npz(arrays))
    with pytest.raises(SignatureError, match=said):
        load_bundle(resealed(copy, tmp_path))


def test_other_library_version_is_noted_not_refused(bundle_content: BundleContent, tmp_path: Path) -> None:
    """As long as the canary gives the same numbers, another version of a library is a note."""
    versions = {**bundle_content.description.library_versions, "scikit-learn": "1.2.3"}
    description = dataclasses.replace(bundle_content.description, library_versions=versions)
    folder = write_bundle(tmp_path, dataclasses.replace(bundle_content, description=description))
    assert [note for note in load_bundle(folder).notes if "scikit-learn 1.2.3" in note]


def test_the_version_of_pyradiomics_is_that_of_the_distribution_with_its_module() -> None:
    """Pyradiomics itself on Python 3.11, a fork of it, named beside its version, on later ones."""
    distribution = packages_distributions()["radiomics"][0]
    named = "" if distribution == "pyradiomics" else f" ({distribution})"
    assert installed_versions()["pyradiomics"] == version(distribution) + named
