"""A harmonisation in a bundle: format 4, read back as it was written; bundles without one keep format 3."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_store.errors import SignatureError
from model_store.files import sha256_of
from model_store.signatures.bundle import FORMAT, HARMONISED_FORMAT, BundleContent, load_bundle, write_bundle
from model_store.signatures.harmonisation import Harmonisation, LinearMaps, scanner_key
from model_store.signatures.signature import bundle_name


def content_of(content: BundleContent, columns: int | None = None) -> BundleContent:
    """Return the content of a signature that knows two scanners."""
    count = len(content.description.columns) if columns is None else columns
    maps = {name: LinearMaps((slope,) * count, (0.1,) * count) for name, slope in (("ge signa", 1.5), ("philips", 0.3))}
    return replace(content, description=replace(content.description, harmonisation=Harmonisation(maps)))


def test_a_harmonised_bundle_is_read_back(bundle_content: BundleContent, bundle: Path, tmp_path: Path) -> None:
    """With its maps, under format 4; one without stays in format 3, which earlier versions read."""
    written = content_of(bundle_content)
    folder = write_bundle(tmp_path, written)
    signature = load_bundle(folder)
    assert signature.harmonisation == written.description.harmonisation
    rows = bundle_content.canary.inputs
    assert np.array_equal(signature.harmonised(rows, "GE  Signa"), rows * 1.5 + 0.1)
    assert np.array_equal(signature.harmonised(rows, "Siemens"), rows)
    formats = [json.loads((one / "signature.json").read_text())["format"] for one in (folder, bundle)]
    assert formats == [HARMONISED_FORMAT, FORMAT] == [4, 3]
    assert load_bundle(bundle).harmonisation is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found.update(format=3), "has format 3: expected a harmonisation in format 4 alone"),
        (lambda found: found.pop("harmonisation"), "has format 4: expected a harmonisation"),
        (lambda found: found["harmonisation"].update(method="another"), "a method that this program does not know"),
        (lambda found: found["harmonisation"].update(scanners={}), "needs scanners"),
        (lambda found: found["harmonisation"]["scanners"]["philips"]["slopes"].pop(), "slopes and"),
    ],
)
def test_a_bundle_that_contradicts_itself_is_refused(
    bundle_content: BundleContent, tmp_path: Path, change: Callable[[dict[str, object]], object], said: str
) -> None:
    """Also where its hashes and its name were made to fit."""
    folder = write_bundle(tmp_path, content_of(bundle_content))
    description = json.loads((folder / "signature.json").read_text())
    change(description)
    (folder / "signature.json").write_text(json.dumps(description))
    digest = sha256_of((folder / "signature.json").read_bytes())
    forged = folder.rename(tmp_path / bundle_name(description["id"], description["version"], digest))
    with pytest.raises(SignatureError, match=re.escape(said)):
        load_bundle(forged)


def test_maps_that_cannot_be_are_refused(bundle_content: BundleContent) -> None:
    """A slope for each column, positive and finite."""
    with pytest.raises(ValueError, match="one for each column"):
        content_of(bundle_content, columns=3)
    for slope in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite numbers, and slopes are positive"):
            LinearMaps((slope,), (0.0,))
    assert scanner_key("  GE MEDICAL SYSTEMS / Signa-HDxt ") == "ge medical systems signa hdxt"
