"""The score: the forest's own probability, taken apart without a remainder."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from model_store.errors import SignatureError
from model_store.signatures.estimator import from_skops, to_skops
from model_store.signatures.profile import HAN2024
from model_store.signatures.registry import Registry
from model_store.signatures.signature import Description, Signature, SignatureStatus
from model_store.signatures.training_ranges import ranges_of
from workers.errors import ModelError, Reason, RejectedInput
from workers.features.regions import Region, RegionMeasurement
from workers.scoring.score import active_signature, identity, score

COLUMNS = ("ring_a", "ring_b", "tumour_a", "tumour_c", "tumour_d")


@pytest.fixture(scope="module")
def cases() -> tuple[np.ndarray, np.ndarray]:
    """Return features and classes of 150 cases with an effect of two columns."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(150, len(COLUMNS)))
    return rows, (rows[:, 0] - rows[:, 3] + rng.normal(size=150) > 0).astype(int)


@pytest.fixture(scope="module")
def trained(cases: tuple[np.ndarray, np.ndarray]) -> RandomForestClassifier:
    """Return scikit-learn's forest of five columns."""
    forest = RandomForestClassifier(60, max_depth=5, class_weight="balanced", random_state=1, n_jobs=1)
    return forest.fit(*cases)


@pytest.fixture(scope="module")
def signature(cases: tuple[np.ndarray, np.ndarray], trained: RandomForestClassifier) -> Signature:
    """Return a signature of five columns."""
    description = Description(
        id="five",
        version="1",
        status=SignatureStatus.RESEARCH,
        intended_use="Tests",
        research_notice="RESEARCH",
        profile=HAN2024,
        columns=COLUMNS,
        threshold=0.5,
        cohort={},
        training={},
        metrics={},
        library_versions={},
    )
    return Signature(description, "ab" * 32, from_skops(to_skops(trained)), ranges_of(COLUMNS, cases[0]))


def regions(values: Sequence[float], missing: Mapping[str, str] | None = None) -> tuple[RegionMeasurement, ...]:
    """Return the two regions with these values of the columns; NaN leaves one out."""
    present = {name: float(v) for name, v in zip(COLUMNS, values, strict=True) if not np.isnan(v)}
    return tuple(
        RegionMeasurement(
            region,
            volume_ml=1.0,
            voxels=1000,
            grey_levels=40,
            features={
                name.removeprefix(f"{region}_"): v for name, v in present.items() if name.startswith(f"{region}_")
            },
            missing=missing or {},
        )
        for region in (Region.TUMOUR, Region.RING)
    )


def test_score_is_the_forests_probability(
    signature: Signature, trained: RandomForestClassifier, cases: tuple[np.ndarray, np.ndarray]
) -> None:
    """The score of a row is what scikit-learn's own predict_proba gives, whatever the order of the regions."""
    rows, _ = cases
    expected = trained.predict_proba(rows)[:, 1]
    for row, probability in zip(rows[:40], expected, strict=False):
        assert score(signature, regions(row), "").hot_probability == probability
        assert score(signature, regions(row)[::-1], "").hot_probability == probability


def test_contributions_add_up(signature: Signature, cases: tuple[np.ndarray, np.ndarray]) -> None:
    """Mean and effects add up to the score, to 1e-12, for cases of training and for others."""
    others = np.random.default_rng(9).normal(scale=3, size=(50, len(COLUMNS)))
    for row in (*cases[0][:50], *others):
        result = score(signature, regions(row), "")
        total = result.mean_probability + sum(c.effect for c in result.contributions)
        assert abs(total - result.hot_probability) < 1e-12


def test_contributions_follow_the_decision_paths_of_scikit_learn(
    signature: Signature, trained: RandomForestClassifier, cases: tuple[np.ndarray, np.ndarray]
) -> None:
    """Each effect is the sum of the changes at the nodes that test its column, to the last bit."""
    for row in cases[0][:20]:
        effects = np.zeros(len(COLUMNS))
        for member in trained.estimators_:
            tree = member.tree_
            hot = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)
            path = np.sort(tree.decision_path(row[None].astype(np.float32)).indices)
            np.add.at(effects, tree.feature[path[:-1]], np.diff(hot[path]))
        found = {one.column: one.effect for one in score(signature, regions(row), "").contributions}
        assert [found[column] for column in COLUMNS] == (effects / len(trained.estimators_)).tolist()


def test_contributions_name_every_column_strongest_first(
    signature: Signature, cases: tuple[np.ndarray, np.ndarray]
) -> None:
    """Each column comes once with its value, the strongest effect first; the two planted ones lead on average."""
    rows = cases[0]
    sizes = dict.fromkeys(COLUMNS, 0.0)
    for row in rows[:60]:
        contributions = score(signature, regions(row), "").contributions
        assert {c.column: c.value for c in contributions} == dict(zip(COLUMNS, row, strict=True))
        assert [abs(c.effect) for c in contributions] == sorted((abs(c.effect) for c in contributions), reverse=True)
        for contribution in contributions:
            sizes[contribution.column] += abs(contribution.effect)
    assert set(sorted(sizes, key=lambda name: -sizes[name])[:2]) == {"ring_a", "tumour_c"}


def test_decision_path_of_one_known_tree(signature: Signature) -> None:
    """One split at 0 with 3 of 10 hot left and 9 of 10 hot right: the mean is 0.6 and the column moves it by 0.3."""
    x = np.array([-1.0] * 10 + [1.0] * 10)
    rows = np.zeros((20, len(COLUMNS)))
    rows[:, 2] = x
    hot = np.array([1] * 3 + [0] * 7 + [1] * 9 + [0])
    stump = RandomForestClassifier(1, max_depth=1, max_features=None, bootstrap=False, n_jobs=1).fit(rows, hot)
    known = dataclasses.replace(signature, estimator=from_skops(to_skops(stump)))
    for side, expected in ((-1.0, -0.3), (1.0, 0.3)):
        result = score(known, regions([0, 0, side, 0, 0]), "")
        assert result.mean_probability == pytest.approx(0.6, abs=1e-12)
        assert result.contributions[0].column == "tumour_a"
        assert result.contributions[0].effect == pytest.approx(expected, abs=1e-12)
        assert [c.effect for c in result.contributions[1:]] == [0.0] * 4


def test_threshold_itself_is_hot(signature: Signature, cases: tuple[np.ndarray, np.ndarray]) -> None:
    """A score that equals the threshold is hot; just below is cold."""
    found = score(signature, regions(cases[0][0]), "").hot_probability
    for threshold, hot in ((found, True), (np.nextafter(found, 1), False)):
        description = dataclasses.replace(signature.description, threshold=float(threshold))
        moved = dataclasses.replace(signature, description=description)
        assert score(moved, regions(cases[0][0]), "").is_hot is hot


def test_absent_feature_ends_the_case_and_is_named(signature: Signature) -> None:
    """A feature that is not there is never filled in: the case is rejected with its name and why."""
    with pytest.raises(RejectedInput, match=r"1 of 5 .* tumour_c \(flat region\)") as caught:
        score(signature, regions([0, 0, 0, np.nan, 0], missing={"c": "flat region"}), "")
    assert caught.value.reason is Reason.FEATURE_NOT_COMPUTABLE
    with pytest.raises(RejectedInput, match="5 of 5"):
        score(signature, (), "")


def test_infinite_feature_is_absent(signature: Signature) -> None:
    """An infinite or missing value does not reach the forest."""
    with pytest.raises(RejectedInput, match="ring_b"):
        score(signature, regions([0, np.inf, 0, 0, 0]), "")


def test_identity_names_the_signature(signature: Signature) -> None:
    """Results carry id, version, digest, profile and the notice."""
    found = identity(signature)
    assert (found.id, found.version, found.digest, found.profile) == ("five", "1", "ab" * 32, HAN2024.name)
    assert found.research_notice == "RESEARCH"


def test_registry_without_signature_is_a_model_error(tmp_path: Path) -> None:
    """A signature that cannot be used stops the scoring, and the cause is kept."""
    with pytest.raises(ModelError, match="no signature is active") as caught:
        active_signature(Registry(tmp_path))
    assert isinstance(caught.value.__cause__, SignatureError)
