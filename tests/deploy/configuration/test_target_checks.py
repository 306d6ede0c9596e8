"""Targets of both kinds in the configuration: what each needs, and what is refused."""

from pathlib import Path

import pytest

from deploy.configuration.load import ConfigurationError, load_configuration
from workers.targets.target import TargetKind


def load(tmp_path: Path, target: str) -> object:
    """Read a configuration with one target."""
    file = tmp_path / "radtme.yaml"
    file.write_text(f"targets:\n  - {{name: archive, {target}}}\n")
    return load_configuration(file, {}).workers.targets[0]


def test_dicomweb_target_needs_a_url_only(tmp_path: Path) -> None:
    """Kind, url and a token file, relative to the configuration's folder."""
    target = load_configuration(_file(tmp_path), {}).workers.targets[0]
    assert target.kind is TargetKind.DICOMWEB
    assert target.token_file == tmp_path / "token"
    assert target.where == "https://pacs.example/dicom-web"
    assert target.host_name == "pacs.example"


def _file(tmp_path: Path) -> Path:
    file = tmp_path / "radtme.yaml"
    file.write_text(
        "targets:\n  - {name: archive, kind: dicomweb, url: 'https://pacs.example/dicom-web', token_file: token, "
        "tls: {ca: ca.pem}}\n"
    )
    return file


DIMSE = "ae_title: A, host: h, port: 104"
BAD = "{name: bad, ae_title: A, host: h, port: x}"
GOOD = "{name: good, ae_title: A, host: h, port: 104}"


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ([BAD, "{name: web, kind: dicomweb}"], "4: targets[1]: expected url"),
        ([BAD, GOOD, GOOD], "5: targets: two targets have the name"),
        ([BAD, GOOD[:-1] + ", tls: {ca: c, key: k}}"], "4: targets[1].tls: a certificate"),
        (["7", GOOD, GOOD], "5: targets: two targets have the name"),
    ],
)
def test_a_mistake_is_told_of_its_own_target(tmp_path: Path, lines: list[str], place: str) -> None:
    """A target that cannot be read at all does not shift the others: each mistake has its own number and line."""
    file = tmp_path / "radtme.yaml"
    file.write_text("".join(["data: .\n", "targets:\n", *(f"  - {line}\n" for line in lines)]))
    with pytest.raises(ConfigurationError) as refused:
        load_configuration(file, {})
    assert f"radtme.yaml:{place}" in str(refused.value)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("ae_title: PACS, host: h", "expected also port"),
        ("ae_title: PACS, host: h, port: 104, url: 'http://h/'", "url belongs to kind: dicomweb or kind: fhir"),
        ("kind: dicomweb", "expected url"),
        ("kind: dicomweb, url: 'ftp://h/'", "expected url"),
        ("kind: dicomweb, url: 'https://h/d'", "https needs tls"),
        ("kind: dicomweb, url: 'http://h/d', port: 80", "port belongs to kind: dimse"),
        ("kind: dicomweb, url: 'http://h/d', token_file: t", "in the clear"),
        ("kind: dicomweb, url: 'http://u:SECRET@h/d'", "url holds a user or password"),
        ("kind: dicomweb, url: 'http://127.0.0.1/d', user: u", "belong together"),
        ("kind: dicomweb, url: 'http://127.0.0.1/d', proof: committed", "Storage Commitment"),
        ("kind: web", "dimse, dicomweb, fhir"),
        ("kind: fhir", "up to what stands before /metadata"),
        ("kind: fhir, url: 'http://127.0.0.1/r5', proof: seen", "does not exist for a FHIR server"),
        (f"{DIMSE}, filter: {{verdicts: [warm]}}", "expected one of hot, cold, uncertain, not_scored, found 'warm'"),
        (f"{DIMSE}, filter: {{reasons: [bad_luck]}}", "expected one of empty_segmentation, .* found 'bad_luck'"),
        (f"{DIMSE}, filter: {{senders: [A TITLE THAT IS TOO LONG]}}", "filter.senders"),
        (f"{DIMSE}, filter: {{verdict: [hot]}}", "did you mean 'verdicts'"),
        (f"{DIMSE}, filter: {{verdicts: [hot], reasons: [other_phase]}}", "add not_scored there"),
        (f"{DIMSE}, filter: {{verdicts: [hot], doubts: [outline]}}", "add uncertain there"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, target: str, words: str) -> None:
    """With its line and what to do; a password in a URL is not repeated."""
    with pytest.raises(ConfigurationError, match=words) as refused:
        load(tmp_path, target)
    assert "SECRET" not in str(refused.value)


def test_results_that_may_go_nowhere_are_warned_of(tmp_path: Path) -> None:
    """Where every target has a filter, the verdicts that none of them takes in every case are named."""
    file = tmp_path / "radtme.yaml"
    only_hot = f"  - {{name: one, {DIMSE}, filter: {{verdicts: [hot]}}}}\n"
    file.write_text(f"targets:\n{only_hot}")
    [warning] = [one for one in load_configuration(file, {}).warnings if "filter" in one]
    assert warning.endswith("by their filters: cold, uncertain, not scored")
    file.write_text(f"targets:\n{only_hot}  - {{name: two, {DIMSE}}}\n")
    assert not [one for one in load_configuration(file, {}).warnings if "filter" in one]
