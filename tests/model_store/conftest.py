"""A small signature that is built once, from a table of random numbers with a planted effect."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.signatures.bundle import BundleContent, write_bundle
from model_store.signatures.profile import FEATURES_PER_REGION, HAN2024
from model_store.signatures.signature import SignatureStatus
from model_store.training.development import Purpose, develop
from model_store.training.forest import Candidate

QUICK = (Candidate(columns=12, max_depth=3, min_samples_leaf=4, trees=50),)


def random_table(seed: int, cases: int = 80, effect: float = 1.0, prefix: str = "P") -> FeatureTable:
    """Return a table with the columns of both regions; the first four of each tell the classes apart."""
    rng = np.random.default_rng(seed)
    columns = tuple(f"{region}_f{index:03d}" for region in ("ring", "tumour") for index in range(FEATURES_PER_REGION))
    hot = np.arange(cases) % 2 == 0
    values = rng.normal(size=(cases, len(columns)))
    values[:, [0, 1, 2, 3, 479, 480, 481, 482]] += effect * hot[:, None]
    return FeatureTable(columns, values, hot, tuple(f"{prefix}{index}" for index in range(cases)))


def content(version: str = "1.0", seed: int = 1) -> BundleContent:
    """Return the content of a small signature."""
    purpose = Purpose(
        id="test-signature",
        version=version,
        status=SignatureStatus.RESEARCH,
        intended_use="Tests",
        research_notice="RESEARCH - random numbers - not for clinical use",
        cohort={"source": "random numbers"},
    )
    return develop(purpose, HAN2024, random_table(seed), random_table(seed + 100, prefix="H"), seed, QUICK)


@pytest.fixture(scope="session")
def bundle_content() -> BundleContent:
    """Return the content of a signature."""
    return content()


@pytest.fixture(scope="session")
def bundle(bundle_content: BundleContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a written bundle. Tests that change it copy it first."""
    return write_bundle(tmp_path_factory.mktemp("bundles"), bundle_content)


@pytest.fixture(scope="session")
def next_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return another version of the same signature."""
    return write_bundle(tmp_path_factory.mktemp("bundles"), content(version="1.1", seed=2))


@pytest.fixture(scope="session")
def make_table() -> Callable[..., FeatureTable]:
    """Return the maker of tables of random numbers."""
    return random_table
