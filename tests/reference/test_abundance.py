"""Abundance of cell populations in real tumours (115 of TCGA-BRCA) against R's GSVA."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_store.phenotype.abundance import mean_of_markers, ssgsea
from model_store.phenotype.expression import read_expression
from model_store.phenotype.gene_sets import covered_sets, read_gene_sets
from model_store.phenotype.plan import ExpressionUnit

pytest.importorskip("gseapy", reason="needs the study extra")
R_FILES = Path(__file__).parent / "r"


@pytest.fixture(scope="module")
def tumours(shared_data: Path) -> Path:
    """Return the folder of counts and gene sets."""
    return shared_data / "rnaseq_tcga_brca"


@pytest.fixture(scope="module")
def counts(tumours: Path) -> Path:
    """Return the file of counts."""
    return tumours / "tcga_brca_115_counts.tsv.gz"


@pytest.fixture(scope="module")
def expression(counts: Path) -> pd.DataFrame:
    """Return the logarithms of the counts per million."""
    return read_expression(counts, ExpressionUnit.COUNTS).values


def scores(expression: pd.DataFrame, gmt: Path) -> pd.DataFrame:
    """Return our enrichment of the sets of a file."""
    return ssgsea(expression, covered_sets(read_gene_sets(gmt), expression.index, 0.5))


def assert_equal(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Compare all 24 sets with R's, the two of a single gene included: correlation and largest difference."""
    assert set(ours.index) == set(theirs.index)
    assert set(ours.columns) == set(theirs.columns)
    theirs = theirs.loc[ours.index, ours.columns]
    assert min(np.corrcoef(ours.loc[name], theirs.loc[name])[0, 1] for name in ours.index) > 0.999999
    assert np.abs(ours - theirs).to_numpy().max() < 1e-8


def test_ssgsea_equals_gsva(expression: pd.DataFrame, tumours: Path) -> None:
    """Every score of 24 populations in 115 tumours is GSVA 1.46.0's (`r/gsva.R`), to 1e-8 of the range."""
    ours = scores(expression, tumours / "signatures" / "bindea24.gmt")
    assert len(ours) == 24
    assert_equal(ours, pd.read_csv(R_FILES / "ssgsea.csv", index_col=0))


def test_ssgsea_equals_gsva_that_runs_here(counts: Path, tmp_path: Path) -> None:
    """The same with gene sets that the committed values do not know, where R and GSVA are installed."""
    if not shutil.which("Rscript"):
        pytest.skip("needs Rscript (Debian: r-bioc-gsva)")
    table = pd.read_csv(counts, sep="\t", index_col=0).iloc[:, :12]
    few = tmp_path / "few.tsv.gz"
    table.to_csv(few, sep="\t")
    gmt = tmp_path / "sets.gmt"
    rng = np.random.default_rng(5)
    drawn = {f"set{size}": rng.choice(table.index, size, replace=False) for size in (1, 2, 10, 50, 300)}
    gmt.write_text("".join("\t".join([name, "drawn", *genes]) + "\n" for name, genes in drawn.items()))
    r = subprocess.run(["Rscript", R_FILES / "gsva.R", few, gmt], capture_output=True, check=False, text=True)
    if "no package called" in r.stderr:
        pytest.skip("needs R's GSVA (Debian: r-bioc-gsva)")
    assert r.returncode == 0, r.stderr
    ours = scores(read_expression(few, ExpressionUnit.COUNTS).values, gmt)
    assert_equal(ours, pd.read_csv(io.StringIO(r.stdout), index_col=0))


def test_without_ranks_the_scores_are_others(expression: pd.DataFrame, tumours: Path) -> None:
    """What the ranks are for: gseapy on the logarithms themselves falls to a correlation of 0.29 in some set."""
    import gseapy

    theirs = pd.read_csv(R_FILES / "ssgsea.csv", index_col=0)
    sets = {name: list(genes) for name, genes in read_gene_sets(tumours / "signatures" / "bindea24.gmt").items()}
    raw = gseapy.ssgsea(expression, sets, outdir=None, sample_norm_method=None, min_size=1, threads=1).res2d
    raw = raw.pivot_table(index="Term", columns="Name", values="NES", aggfunc="first").astype(float)
    correlations = [np.corrcoef(raw.loc[name, theirs.columns], theirs.loc[name])[0, 1] for name in theirs.index]
    assert min(correlations) < 0.3


def test_marker_means_are_mcp_counters(expression: pd.DataFrame, tumours: Path) -> None:
    """MCP-counter's score is the mean logarithm of a population's markers (Becht et al. 2016)."""
    sets = covered_sets(read_gene_sets(tumours / "signatures" / "mcpcounter.gmt"), expression.index, 0.5)
    means = mean_of_markers(expression, sets)
    assert means.loc["CD8 T cells"].tolist() == expression.loc["CD8B"].tolist()
    by_hand = expression.to_numpy()[[expression.index.get_loc(gene) for gene in sets["T cells"]]].mean(axis=0)
    assert means.loc["T cells"].to_numpy() == pytest.approx(by_hand)
