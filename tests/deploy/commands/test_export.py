"""`radtme export` as a person runs it."""

import os

import click
import pytest
from click.testing import CliRunner

from deploy.cli import radtme
from listener.spool.jobs import JobState
from support.spool_jobs import SCORED


@pytest.fixture
def scored(spool, put_job):
    """One scored case."""
    return put_job("1.1", JobState.DONE, result=SCORED)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_it_writes_a_table(run_radtme, scored, tmp_path, suffix):
    """CSV and Parquet hold the same."""
    file = tmp_path / f"cases.{suffix}"
    done = run_radtme("export", str(file))
    assert done.returncode == 0, done.stderr
    assert "1 cases written to" in done.stderr or "1 case written to" in done.stderr
    import pandas as pd

    table = pd.read_csv(file) if suffix == "csv" else pd.read_parquet(file)
    assert list(table["job"]) == [scored.id]
    assert list(table["score"]) == [0.71]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ctrl_c_leaves_the_earlier_table(scored, tmp_path, monkeypatch, suffix):
    """And nothing else: under its name a table is whole, whenever the command ends."""
    folder = tmp_path / "tables"
    folder.mkdir()
    file, config = folder / f"cases.{suffix}", tmp_path / "radtme.yaml"
    file.write_text("earlier")
    config.write_text("data: .\n")
    write = os.fsync

    def interrupted(descriptor):
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(folder)):
            raise KeyboardInterrupt
        write(descriptor)

    monkeypatch.setattr(os, "fsync", interrupted)
    done = CliRunner().invoke(radtme, ["export", str(file), "--config", str(config)], standalone_mode=False)
    assert isinstance(done.exception, click.Abort | KeyboardInterrupt)
    assert [one.name for one in folder.iterdir()] == [file.name]
    assert file.read_text() == "earlier"


def test_without_a_file_it_prints_csv(run_radtme, scored):
    """For a pipe."""
    done = run_radtme("export")
    assert done.stdout.startswith("job,version,")
    assert scored.id in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cases.xlsx"], ".csv or .parquet"),
        (["nowhere/cases.csv"], "there is no folder nowhere"),
        ([], "no case yet"),
    ],
)
def test_what_it_cannot_do_it_says(run_radtme, spool, words, says):
    """A name with another ending, a folder that is not there, and a spool without a case."""
    done = run_radtme("export", *words)
    assert done.returncode != 0
    assert says in done.stderr
