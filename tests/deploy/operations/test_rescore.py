"""``radtme rescore``: a delivered feature report repeats its score, and a changed one is found out."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import Dataset, dcmread, dcmwrite

from deploy.cli import radtme
from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import shipped_bundle
from support.result_cases import make_case
from workers.jobs.result_objects import build_results
from workers.results.result_roles import ResultRole
from workers.scoring.score import identity, score


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a feature report that the shipped signature scored."""
    case, signature = make_case(), load_bundle(shipped_bundle())
    scored = score(signature, case.result.regions, case.result.scanner)
    result = replace(case.result, score=scored, signature=identity(signature))
    path = tmp_path_factory.mktemp("delivered") / "feature_report.dcm"
    report = build_results(result, case.seg_header, case.measurement)[ResultRole.FEATURE_REPORT]
    dcmwrite(path, report, enforce_file_format=True)
    return path


def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, object], str]:
    """Return exit code, answer and text of the command, in a folder without configuration."""
    monkeypatch.chdir(path.parent)
    done = CliRunner().invoke(radtme, ["rescore", "--json", str(path)])
    start = done.output.find("{")
    return done.exit_code, json.loads(done.output[start:]) if start >= 0 else {}, done.output


def numbers(report: Dataset) -> list[Dataset]:
    """Return all numbers of the content tree."""
    return [
        item.MeasuredValueSequence[0]
        for group in report.ContentSequence
        if group.ConceptNameCodeSequence[0].CodeValue == "126010"
        for region in group.ContentSequence
        for item in region.ContentSequence
        if item.ValueType == "NUM"
    ]


def test_a_delivered_report_gives_its_score_again(delivered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same score to the last bit, from the file alone."""
    code, answer, text = run(delivered, monkeypatch)
    assert code == 0, text
    assert answer["problems"] == []
    assert answer["repeated"] == answer["reported"]
    assert answer["signature"] == "radtme-research-phantom 1.4.0"


def test_every_change_is_found(delivered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed feature, a changed score, and a changed step of the processing chain."""

    def feature(report: Dataset) -> None:
        numbers(report)[-1].FloatingPointValue += 1.0

    def stated_score(report: Dataset) -> None:
        numbers(report)[0].FloatingPointValue = 0.5

    def bin_width(report: Dataset) -> None:
        for item in report.ContentSequence[0].ContentSequence:
            if item.ConceptNameCodeSequence[0].CodeValue == "bin-width":
                item.MeasuredValueSequence[0].FloatingPointValue = 5.0

    changes: list[tuple[Callable[[Dataset], None], str]] = [
        (feature, "SHA-256 differs"),
        (stated_score, "states the score 0.5"),
        (bin_width, "differs from the signature's profile in bin_width"),
    ]
    for change, expected in changes:
        report = dcmread(delivered)
        change(report)
        path = tmp_path / "changed.dcm"
        dcmwrite(path, report, enforce_file_format=True)
        code, answer, text = run(path, monkeypatch)
        assert code == 1
        assert expected in str(answer["problems"]), text


def test_a_signature_that_is_not_there_is_named(
    delivered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report's signature, by its digest, and no other one in its place."""
    content = delivered.read_bytes()
    digest = load_bundle(shipped_bundle()).digest.encode()
    path = tmp_path / "other.dcm"
    path.write_bytes(content.replace(digest, b"0" * 64))
    code, _, text = run(path, monkeypatch)
    assert code == 1
    assert "no published signature has the digest 000000000000" in text


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was expected."""
    path = tmp_path / "note.txt"
    path.write_text("no DICOM")
    code, _, text = run(path, monkeypatch)
    assert code == 1
    assert "cannot be read as DICOM" in text


@pytest.mark.parametrize("role", [ResultRole.SUMMARY_REPORT, ResultRole.SEGMENTATION])
def test_another_result_is_refused_for_what_it_is(
    role: ResultRole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said not to be DICOM."""
    case = make_case(features=["original_firstorder_Mean"])
    path = tmp_path / "other.dcm"
    dcmwrite(path, build_results(case.result, case.seg_header, case.measurement)[role], enforce_file_format=True)
    code, _, text = run(path, monkeypatch)
    assert code == 1
    assert "not a feature report" in text
