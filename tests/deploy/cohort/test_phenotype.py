"""``radtme cohort phenotype`` on real tumours, and on files that nothing can be made of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sklearn.metrics import roc_auc_score

from deploy.cli import radtme

pytest.importorskip("gseapy", reason="needs the study extra")

MARKERS = """
  second:
    gene_sets: {folder}/signatures/mcpcounter.gmt
    immune_populations: [B lineage, CD8 T cells, Cytotoxic lymphocytes, Monocytic lineage, Myeloid dendritic cells,
      Neutrophils, NK cells, T cells]
"""


LYMPHOCYTES = (
    *("CCL5", "CD14", "CD19", "CD37", "CD3D", "CD3E", "CD3G", "CD247", "CD79A", "CD79B", "CD8A", "CD8B", "IGHG3"),
    *("JCHAIN", "IGLC1", "LCK", "LTB", "MS4A1"),
)
"""The genes of the Lymphocyte Infiltration Signature Score (LIexpression_score), by their present names.

Calabro et al., Breast Cancer Res Treat 116:69 (2009); Thorsson et al., Immunity 48:812 (2018), score TCGA by it.
"""


def run(tmp_path: Path, expression: Path, gene_sets: Path, more: str = "", unit: str = "counts") -> Result:
    """Run the command with a configuration made of these."""
    file = tmp_path / "study.yaml"
    section = f"phenotype:\n  expression: {expression}\n  unit: {unit}\n  gene_sets: {gene_sets}\n{more}"
    file.write_text(f"output: out\n{section}")
    return CliRunner().invoke(radtme, ["cohort", "phenotype", str(file)])


@dataclass(frozen=True)
class Real:
    """The phenotypes of 115 tumours of TCGA-BRCA by Bindea's 24 populations."""

    given: tuple[Path, Path]
    """Counts and gene sets."""
    markers: str
    """The second scoring, as lines of the configuration."""
    folder: Path
    printed: str

    @property
    def out(self) -> Path:
        """What the command wrote."""
        return self.folder / "out" / "phenotype"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Real:
    """Return them, computed once."""
    source, folder = shared_data / "rnaseq_tcga_brca", tmp_path_factory.mktemp("real")
    given = source / "tcga_brca_115_counts.tsv.gz", source / "signatures" / "bindea24.gmt"
    markers = MARKERS.format(folder=source)
    result = run(folder, *given, markers)
    assert result.exit_code == 0, result.output
    return Real(given, markers, folder, result.output)


def test_real_tumours_fall_into_two_phenotypes_and_the_inflamed_is_smaller(real: Real) -> None:
    """As the paper found in its cohort; a second run has nothing to do."""
    assert "nothing to do" not in real.printed
    assert "2 clusters" in real.printed
    out = real.out
    labels = pd.read_parquet(out / "tables" / "labels.parquet")
    count = labels["phenotype"].value_counts()
    assert len(labels) == 115
    assert set(count.index) == {"hot", "cold"}
    assert count["hot"] < count["cold"]
    levels = labels.groupby("phenotype")["immune_level"].mean()
    assert levels["hot"] > levels["cold"]
    abundance = pd.read_parquet(out / "tables" / "abundance.parquet")
    assert abundance.shape == (115, 25), "the two populations of a single gene are kept"
    genes = pd.read_csv(out / "tables" / "checkpoint_genes.csv")
    assert len(genes) == 8
    for name in ("heatmap", "silhouette", "votes", "checkpoint_genes", "second_scoring"):
        assert (out / "figures" / f"{name}.png").stat().st_size > 10_000
    assert "nothing to do" in run(real.folder, *real.given, real.markers).output


def test_the_phenotypes_of_tcga_agree_with_the_published_lymphocyte_score(shared_data: Path, real: Real) -> None:
    """AUC of the score, hot against cold: also by those of its genes that none of the clustered sets has."""
    counts = pd.read_csv(real.given[0], sep="\t", index_col=0)
    level = np.log2(counts / counts.sum() * 1e6 + 1)
    phenotype = pd.read_parquet(real.out / "tables" / "labels.parquet").set_index("patient")["phenotype"]
    hot = (phenotype.loc[list(counts.columns)] == "hot").to_numpy()
    clustered = set(real.given[1].read_text().split())
    others = [gene for gene in LYMPHOCYTES if gene not in clustered]
    assert len(others) == 10
    for genes in (list(LYMPHOCYTES), others):
        assert roc_auc_score(hot, level.loc[genes].mean()) >= 0.95


def test_quantities_are_compared_between_the_phenotypes(tmp_path: Path, real: Real) -> None:
    """Purity falls where lymphocytes are many: planted as columns of a table, and tested by Wilcoxon alone."""
    level = pd.read_parquet(real.out / "tables" / "labels.parquet").set_index("patient")["immune_level"]
    purity = pd.DataFrame({"LUMP": 0.8 - 0.1 * level, "IHC": np.random.default_rng(1).uniform(0.4, 0.9, len(level))})
    purity.iloc[3, 1] = np.nan
    purity.reset_index().to_csv(tmp_path / "purity.csv", index=False)
    more = "  ranks_only: yes\n  compared: [{name: purity, table: purity.csv, columns: [LUMP, IHC]}]\n"
    result = run(tmp_path, *real.given, real.markers + more)
    assert result.exit_code == 0, result.output
    out = tmp_path / "out" / "phenotype"
    table = pd.read_parquet(out / "tables" / "purity.parquet").set_index("name")
    assert set(table["test"]) == {"Wilcoxon rank-sum"}
    assert table.loc["LUMP", "p"] < 1e-4
    assert table.loc["LUMP", "difference"] < 0
    assert table.loc["IHC", ["n_hot", "n_cold"]].sum() == 114
    populations = pd.read_parquet(out / "tables" / "second_groups.parquet").set_index("name")
    assert populations.loc["T cells", "p"] < 1e-4
    assert all((out / "figures" / f"{name}.png").stat().st_size > 10_000 for name in ("purity", "second_groups"))


def test_centroids_give_each_tumour_its_phenotype_whatever_the_others_are(
    tmp_path: Path, shared_data: Path, real: Real
) -> None:
    """A part of TCGA-BRCA by the centroids of the whole: the phenotypes of the whole, without looking at the rest."""
    folder = shared_data / "rnaseq_tcga_brca"
    counts, sets = pd.read_csv(folder / "tcga_brca_115_counts.tsv.gz", sep="\t", index_col=0), folder / "signatures"
    out = tmp_path / "out" / "phenotype" / "tables"
    every = pd.read_parquet(real.out / "tables" / "labels.parquet").set_index("patient")["phenotype"]
    centroids = real.out / "tables" / "centroids.parquet"
    counts.iloc[:, 1::3].to_csv(tmp_path / "part.tsv", sep="\t")
    frozen = f"  centroids: {centroids}\n"
    result = run(tmp_path, tmp_path / "part.tsv", sets / "bindea24.gmt", frozen)
    assert result.exit_code == 0, result.output
    assert "by the centroids of another cohort" in result.output
    labels = pd.read_parquet(out / "labels.parquet").set_index("patient")
    assert set(labels["phenotype"]) == {"hot", "cold"}
    assert (labels["phenotype"] == every.loc[labels.index]).all()
    assert labels["silhouette"].between(0, 1).all()
    other = run(tmp_path, tmp_path / "part.tsv", sets / "mcpcounter.gmt", frozen)
    assert other.exit_code == 1
    assert "use the same gene_sets" in other.output


@pytest.fixture
def small(tmp_path: Path) -> pd.DataFrame:
    """Return 3000 genes of 20 tumours."""
    values = np.random.default_rng(1).poisson(50, (3000, 20))
    return pd.DataFrame(values, [f"GENE{n}" for n in range(3000)], [f"P{n}" for n in range(20)]).rename_axis("gene")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("duplicate", "1 genes have several rows, such as GENE0"),
        ("nan", "gene GENE3 has no number in at least one sample"),
        ("transposed", "found 20 rows and 3000 columns"),
        ("ensembl", "expected the same kind of names in both files, such as HUGO symbols"),
    ],
)
def test_wrong_matrices_are_refused_in_one_sentence(fault: str, said: str, tmp_path: Path, small: pd.DataFrame) -> None:
    """Duplicate genes, missing values, patients in rows, other gene identifiers: never a label from these."""
    if fault == "duplicate":
        small = small.rename(index={"GENE1": "GENE0"})
    elif fault == "nan":
        small = small.astype(float)
        small.iloc[3, 4] = np.nan
    elif fault == "transposed":
        small = small.T.rename_axis("gene")
    else:
        small.index = pd.Index([f"ENSG{n:011d}" for n in range(3000)], name="gene")
    small.to_csv(tmp_path / "expression.tsv", sep="\t")
    genes = "\t".join(f"GENE{n}" for n in range(10))
    (tmp_path / "sets.gmt").write_text(f"T cells\tx\t{genes}\nB cells\tx\tGENE11\tGENE12\n")
    result = run(tmp_path, tmp_path / "expression.tsv", tmp_path / "sets.gmt")
    assert result.exit_code == 1, result.output
    assert said in result.output
    assert not (tmp_path / "out" / "phenotype" / "tables" / "labels.parquet").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before anything is computed."""
    result = run(tmp_path, tmp_path / "expression.tsv", tmp_path / "sets.gmt")
    assert result.exit_code == 1
    assert "expression.tsv is not a file" in result.output
