"""A simulated study of five cohorts: other patients, another scanner, and the same effects planted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deploy.configuration.study import load_study
from deploy.errors import WrongUsage
from deploy.research.phenotype import following_studies
from deploy.simulation.cohort import study_text
from deploy.simulation.further_cohorts import (
    HOT_FROM,
    PROGNOSIS,
    RNA,
    TREATED,
    VALIDATION,
    FurtherCohort,
    further_cohorts,
    quantities,
    rna_study_text,
    tables_of,
)
from deploy.simulation.patients import SCANNERS, draw_patients, expression_table, gene_sets
from deploy.simulation.planted import Planted
from model_store.phenotype.centroids import centroid_table, nearest_phenotypes
from model_store.validation.plan import CohortFiles

PLANTED = Planted()


@pytest.fixture(scope="module")
def cohorts() -> dict[str, FurtherCohort]:
    """Return the four cohorts beside that of training."""
    return {one.name: one for one in further_cohorts(5, 60, PLANTED)}


def tables(cohort: FurtherCohort) -> dict[str, pd.DataFrame]:
    """Return the tables of a cohort by name."""
    return dict(tables_of(cohort, PLANTED))


def test_no_patient_is_in_two_cohorts(cohorts: dict[str, FurtherCohort]) -> None:
    """And no image is drawn from one seed twice; they come from a scanner that three training sites do not have."""
    training = draw_patients(5, 120, 3, PLANTED)
    everyone = [*training, *(one for cohort in cohorts.values() for one in cohort.patients)]
    assert len({one.id for one in everyone}) == len({one.seed for one in everyone}) == 120 + 4 * 60
    assert {one.scanner for cohort in cohorts.values() for one in cohort.patients} == {SCANNERS[-1]}
    assert SCANNERS[-1] not in {one.scanner for one in training}


def test_each_cohort_tells_what_it_is_for(cohorts: dict[str, FurtherCohort]) -> None:
    """CD8 cells that follow the phenotype, PD-L1 and response of the treated, survival, and expression."""
    validation, treated, prognosis, rna = (tables(cohorts[name]) for name in (VALIDATION, TREATED, PROGNOSIS, RNA))
    hot = [one.hot for one in cohorts[VALIDATION].patients]
    assert (validation["cd8"]["CD8"] >= HOT_FROM).tolist() == hot
    inflamed = np.array([one.inflammation for one in cohorts[TREATED].patients])
    assert np.corrcoef(treated["clinical"]["cps"], inflamed)[0, 1] > 0.5
    assert set(treated["clinical"]["response"]) <= {"CR", "PR", "SD", "PD"}
    assert {"time", "event"} <= set(prognosis["clinical"])
    assert "response" not in prognosis["clinical"]
    assert "time" not in validation["clinical"]
    assert list(rna["expression"].columns[1:]) == [one.id for one in cohorts[RNA].patients]


@pytest.mark.parametrize("seed", range(3))
def test_the_genes_of_all_cohorts_are_the_same(seed: int, tmp_path: Path) -> None:
    """Centroids of the training cohort tell hot from cold in the RNA cohort; each had genes of its own before."""
    training = draw_patients(seed, 40, 3, PLANTED)
    mine = expression_table(training, seed, PLANTED).set_index("gene")
    rna = next(one for one in further_cohorts(seed, 20, PLANTED) if one.name == RNA)
    theirs = tables(rna)["expression"].set_index("gene")
    assert np.corrcoef(mine.mean(axis=1), theirs.mean(axis=1))[0, 1] > 0.95
    phenotype = pd.Series(["hot" if one.hot else "cold" for one in training], index=mine.columns)
    centroid_table(abundance(mine), phenotype).to_parquet(tmp_path / "centroids.parquet")
    found = nearest_phenotypes(abundance(theirs), tmp_path / "centroids.parquet")["phenotype"]
    assert (found == "hot").tolist() == [one.hot for one in rna.patients]


def abundance(expression: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each population's genes, by patient."""
    return pd.DataFrame({name: expression.loc[list(genes)].mean() for name, genes in gene_sets().items()}).T


def test_cell_groups_and_purity_follow_the_phenotype() -> None:
    """Hot tumours hold more lymphocytes and are less pure; shares add up to one."""
    patients = draw_patients(5, 200, 3, PLANTED)
    found, hot = quantities(patients, 5), np.array([one.hot for one in patients])
    shares = found.drop(columns=["patient", "purity"]).sum(axis=1)
    assert np.allclose(shares, 1, atol=1e-3)
    assert found.loc[hot, "lymphocytes"].mean() > found.loc[~hot, "lymphocytes"].mean() + 0.1
    assert found.loc[hot, "purity"].mean() < found.loc[~hot, "purity"].mean() - 0.1


def test_both_studies_are_valid(tmp_path: Path) -> None:
    """One names the images of three cohorts; that of the RNA cohort takes the phenotypes of the training cohort."""
    (tmp_path / "study.yaml").write_text(study_text(1, five_cohorts=True))
    study = load_study(tmp_path / "study.yaml")
    named = study.plans["validate"].cohorts
    assert [one.name for one in named] == [VALIDATION, TREATED, PROGNOSIS]
    assert [one.labels is not None for one in named] == [True, False, False]
    assert named[0].table(study.output) == tmp_path / "study" / "extract_validation" / "tables" / "features.parquet"
    (tmp_path / RNA).mkdir()
    (tmp_path / RNA / "study.yaml").write_text(rna_study_text())
    rna = load_study(tmp_path / RNA / "study.yaml")
    assert rna.plans["phenotype"].centroids.resolve() == (study.output / "phenotype" / "tables" / "centroids.parquet")
    assert list(rna.plans) == ["phenotype"]
    assert [one.file for one in following_studies(study)] == [tmp_path / RNA / "study.yaml"]


def test_a_cohort_that_follows_has_to_name_the_centroids(tmp_path: Path) -> None:
    """Before the work: a file that is not there, and one with phenotypes of its own."""
    (tmp_path / "study.yaml").write_text(study_text(1, five_cohorts=True))
    study = load_study(tmp_path / "study.yaml")
    with pytest.raises(WrongUsage, match=r"phenotype.cohorts: .* is not a file"):
        following_studies(study)
    (tmp_path / RNA).mkdir()
    own = [line for line in rna_study_text().splitlines() if "centroids" not in line]
    (tmp_path / RNA / "study.yaml").write_text("\n".join(own))
    with pytest.raises(WrongUsage, match=r"phenotype.centroids: expected .*centroids.parquet"):
        following_studies(study)


@pytest.mark.parametrize("given", [{}, {"features": Path("a.parquet"), "folder": Path("b")}])
def test_a_cohort_is_a_table_or_images(given: dict[str, Path]) -> None:
    """Neither and both are refused."""
    with pytest.raises(ValueError, match="expected one of features and folder"):
        CohortFiles("other", clinical=Path("c.csv"), **given)
