"""The performance of a signature at a site that it was not trained on."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from model_store.cohort.feature_table import FeatureTable
from model_store.training.forest import Candidate
from model_store.training.left_out_sites import left_out_sites
from model_store.training.model_families import FOREST

MakeTable = Callable[..., FeatureTable]
FAMILY = replace(FOREST, candidates=(Candidate(columns=6, max_depth=3, min_samples_leaf=4, trees=30),))


def test_an_effect_holds_at_every_site(make_table: MakeTable) -> None:
    """Three sites that say nothing of the class: each is held out, and the AUC is far above chance."""
    table = make_table(1, cases=120, effect=1.0)
    sites = pd.Series([f"site {index // 2 % 3}" for index in range(120)])
    found = left_out_sites(table, sites, FAMILY, 1)
    assert found is not None
    assert found.auc is not None
    assert found.auc.low > 0.6
    assert [site.cases for site in found.sites] == [40, 40, 40]
    values = [site.auc.value for site in found.sites if site.auc]
    assert abs(found.auc.value - np.mean(values)) < 1e-12  # equally many pairs at each site
    performance = found.performance()
    assert performance is not None
    assert performance["sites"] == 3
    assert performance["sensitivity"]["value"] > 0.5


def test_a_signature_of_the_site_is_worth_nothing_elsewhere(make_table: MakeTable) -> None:
    """Nine of ten hot cases come from one of two sites, and a feature tells the site: within the sites it is chance."""
    table = make_table(2, cases=200, effect=0.0)
    rng = np.random.default_rng(1)
    at_first = np.where(rng.random(200) < 0.9, table.hot, ~table.hot)
    table.values[:, 5:12] += 4.0 * at_first[:, None]
    found = left_out_sites(table, pd.Series(np.where(at_first, "A", "B")), FAMILY, 1)
    assert found is not None
    assert found.auc is not None
    assert found.auc.low < 0.5 < found.auc.high


def test_site_equal_to_the_label_cannot_be_measured_and_is_said(make_table: MakeTable) -> None:
    """Each site has one class: nothing can be trained without it, and nothing measured at it."""
    table = make_table(2, cases=60, effect=1.0)
    found = left_out_sites(table, pd.Series(np.where(table.hot, "A", "B")), FAMILY, 1)
    assert found is not None
    assert found.auc is None
    assert found.performance() is None
    assert "leave-one-site-out could not be measured" in found.notes()[0]


def test_one_site_or_none_gives_no_number(make_table: MakeTable) -> None:
    """Where sites are unknown, none can be held out."""
    table = make_table(2, cases=60)
    assert left_out_sites(table, None, FAMILY, 1) is None
    assert left_out_sites(table, pd.Series(["A"] * 60), FAMILY, 1) is None
    assert left_out_sites(table, pd.Series(["A"] * 30 + [None] * 30), FAMILY, 1) is None


def test_a_patient_of_two_sites_is_not_trained_on_when_one_of_them_is_held_out(make_table: MakeTable) -> None:
    """Every patient has a lesion at both sites: no patient is left to train on."""
    table = make_table(2, cases=60)
    table = replace(table, patients=tuple(f"P{index // 2}" for index in range(60)), hot=np.arange(60) // 2 % 2 == 0)
    found = left_out_sites(table, pd.Series(["A", "B"] * 30), FAMILY, 1)
    assert found is not None
    assert found.auc is None
