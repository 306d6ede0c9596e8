"""What steps leave, and when they may be skipped."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from model_store.reporting.step_output import (
    fingerprint,
    is_done,
    mark_begun,
    mark_done,
    read_summary,
    write_figure,
    write_summary,
    write_table,
)


def test_a_table_reads_back_exactly_from_both_files(tmp_path: Path) -> None:
    """Numbers are not rounded on the way to a person's spreadsheet."""
    frame = pd.DataFrame({"case": ["a", "b"], "value": [1 / 3, 1e-300]})
    parquet, csv = write_table(tmp_path, "values", frame)
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), frame)
    pd.testing.assert_frame_equal(pd.read_csv(csv), frame)
    assert parquet == tmp_path / "tables" / "values.parquet"


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    """A rerun changes no file that did not change."""
    figures = []
    for name in ("one", "two"):
        figure = Figure(figsize=(2, 2))
        figure.add_subplot().plot([0, 1], [0, 1])
        figures.append([path.read_bytes() for path in write_figure(tmp_path / name, "line", figure)])
    assert figures[0] == figures[1]


def test_a_step_is_skipped_until_its_inputs_plan_or_outputs_change(tmp_path: Path) -> None:
    """A rerun does again what would come out otherwise, and nothing else."""
    source, folder = tmp_path / "source.csv", tmp_path / "step"
    source.write_text("a")
    before = fingerprint({"seed": 1}, [source])
    write_table(folder, "values", pd.DataFrame({"a": [1]}))
    write_summary(folder, {"cases": 1})
    mark_done(folder, before)
    assert is_done(folder, fingerprint({"seed": 1}, [source]))
    assert read_summary(folder) == {"cases": 1}
    assert not is_done(folder, fingerprint({"seed": 2}, [source]))
    source.write_text("b")
    assert not is_done(folder, fingerprint({"seed": 1}, [source]))
    (folder / "tables" / "values.csv").write_text("changed by hand")
    assert not is_done(folder, before)


def test_a_step_that_began_again_is_not_done(tmp_path: Path) -> None:
    """An interrupted rerun leaves old and new files, which do not count as a result."""
    mark_done(tmp_path / "step", "inputs")
    mark_begun(tmp_path / "step")
    assert not is_done(tmp_path / "step", "inputs")
