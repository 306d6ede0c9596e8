"""README.md and docs/: each `radtme ...` line is run as it stands there, here or in a test that is named here."""

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from pydicom import Dataset

from deploy.cli import radtme
from deploy.configuration.sections import SinkSettings
from deploy.stack.sink import Sink
from listener.ledger.quarantine import QuarantineReason
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.spool import Spool
from model_store.cohort.feature_table import FeatureTable
from model_store.signatures.bundle import load_bundle, write_bundle
from model_store.signatures.profile import DEFAULT_PROFILE
from model_store.signatures.registry import Registry, shipped_bundle
from model_store.signatures.signature import SignatureStatus
from model_store.training.development import Purpose, develop
from model_store.training.forest import Candidate
from support.dicom_objects import image, write
from support.documented_commands import PAGES, ROOT, commands, is_mention, subcommand
from support.listening import listening
from support.spool_jobs import SCORED
from workers.features.extraction import columns as feature_columns

OURS = "our-signature-1.0.0"
DOCUMENTED = sorted({command for page in PAGES for command in commands(page.read_text())})
ELSEWHERE = {
    "demo": ["integration/test_demo.py"],
    "up": ["integration/test_stack_up.py", "integration/test_reload.py"],
    "listen": ["support/installation.py", "acceptance/test_crashes.py"],
    "work": ["support/installation.py", "integration/test_stack_up.py", "deploy/stack/test_local_stack.py"],
    "status-page": ["deploy/status_page/test_page.py"],
    "doctor": ["deploy/doctor/test_doctor.py"],
    "selftest": ["integration/test_selftest.py"],
    "check": ["deploy/conformance/test_result_check.py"],
    "rescore": ["deploy/operations/test_rescore.py"],
    "fhir": ["workers/targets/test_fhir.py"],
    "export": ["deploy/commands/test_export.py"],
    "outline": ["deploy/outlining/test_outline.py"],
    "ledger grant": ["deploy/grafana/test_ledger_dashboard.py"],
    "cohort simulate": ["deploy/research/test_example.py", "integration/test_simulated_study.py"],
    "cohort extract": [
        "deploy/cohort/test_extract.py",
        "deploy/cohort/test_pair_lists.py",
        "integration/test_simulated_study.py",
    ],
    "cohort phenotype": ["deploy/cohort/test_phenotype.py"],
    "cohort recipe": ["deploy/cohort/test_recipes.py"],
    "cohort reliability": ["integration/test_simulated_study.py"],
    "signature train": ["deploy/research/test_steps.py"],
    "signature validate": ["deploy/research/test_steps.py"],
    "signature publish": ["deploy/research/test_steps.py"],
    "signature score --own": ["deploy/research/test_own_columns.py"],
    "signature verify --reproduce": ["deploy/research/test_steps.py"],
    "signature aggregates": ["deploy/research/test_steps.py"],
    "signature check-aggregates": ["deploy/research/test_steps.py"],
    "signature reproduce-study": ["deploy/research/test_example.py"],
}
"""What runs for ever, needs a running service, results or a cohort: by subcommand, or by one
with an option, where it is run for real."""
JOBS = {"retry": "1.6", "hold": "1.2", "release": "1.8", "drop": "1.2"}
"""By subcommand, the outline of the job (`full_spool`) that stands for JOB."""


QUARANTINED = "1.2.3.4"
"""An object of `full_spool`."""


def elsewhere(command: str) -> str | None:
    """Return the key of a command in `ELSEWHERE`."""
    words = shlex.split(command)[1:]
    name = " ".join(subcommand(words)[1])
    kinds = (name, *(f"{name} {word}" for word in words if word.startswith("--")))
    return next((kind for kind in kinds if kind in ELSEWHERE), None)


RUN_HERE = [command for command in DOCUMENTED if elsewhere(command) is None and not is_mention(command)]


@pytest.fixture(scope="session")
def our_signature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a second signature's bundle, for random numbers."""
    columns = feature_columns(DEFAULT_PROFILE)

    def table(seed: int, prefix: str) -> FeatureTable:
        rng = np.random.default_rng(seed)
        hot = np.arange(40) % 2 == 0
        values = rng.normal(size=(40, len(columns)))
        values[:, :8] += 2 * hot[:, None]
        return FeatureTable(columns, values, hot, tuple(f"{prefix}{index}" for index in range(40)))

    name, version = OURS.rsplit("-", 1)
    purpose = Purpose(name, version, SignatureStatus.RESEARCH, "Tests", "RESEARCH", {"source": "random numbers"})
    quick = (Candidate(columns=8, max_depth=2, min_samples_leaf=4, trees=20),)
    content = develop(purpose, DEFAULT_PROFILE, table(1, "P"), table(2, "H"), 1, quick)
    return write_bundle(tmp_path_factory.mktemp("ours"), content)


@pytest.fixture(scope="session")
def scoring(our_signature: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return a registry where ours scored before the shipped one, a table to score, and a result beside a shadow."""
    folder = tmp_path_factory.mktemp("scoring")
    registry = Registry(folder / "signatures")
    registry.ensure_shipped()
    registry.publish(our_signature)
    registry.activate(OURS)
    registry.activate(shipped_bundle().name)
    shipped = load_bundle(shipped_bundle())
    inside = {name: [(one.minimum + one.maximum) / 2] for name, one in shipped.ranges.items()}
    case = {"case": ["A"], "patient": ["A"], "reason": [""]}
    pd.DataFrame({**case, **inside}).to_parquet(folder / "features.parquet")
    verdict = {"hot_probability": 0.4, "phenotype": "cold"}
    shadow = {"outcome": "differs", "name": OURS, "digest": load_bundle(our_signature).digest, **verdict}
    signature = SCORED["signature"] | {"digest": shipped.digest}
    return {"folder": folder, "result": SCORED | {"shadow": shadow, "signature": signature}}


@pytest.fixture(scope="session")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Run a PACS, and our own listener, which takes what we send; return their ports."""
    folder = tmp_path_factory.mktemp("peers")
    pacs = Sink(SinkSettings(True, "PACS", "127.0.0.1", 0, folder / "pacs"))
    pacs.start()
    try:
        with listening(folder / "spool", calling_ae_titles=("RADTME",)) as own:
            yield {"pacs": pacs.port, "own": own.port}
    finally:
        pacs.stop()


def put_corrected_copy(spool: Spool, instance: Dataset) -> None:
    """Put an object into the spool, and into quarantine what came under its UIDs with another patient's name."""
    instance.StudyInstanceUID = "1.2.3"
    place = spool.instance_path("1.2.3", instance.SeriesInstanceUID, instance.SOPInstanceUID)
    place.parent.mkdir(parents=True)
    instance.save_as(place, enforce_file_format=True)
    instance.PatientName = "Corrected^Name"
    part = spool.receiving / "corrected.part"
    instance.save_as(part, enforce_file_format=True)
    spool.put_in_quarantine(part, instance.SOPInstanceUID, QuarantineReason(reason="duplicate_sop_instance"))


@pytest.fixture
def installed(
    tmp_path: Path,
    full_spool: Spool,  # lies in tmp_path
    put_job: Callable[..., Job],
    ports: dict[str, int],
    scoring: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Return the folder of an installation with jobs, targets, two signatures and the files that pages name."""
    settings = {
        "data": ".",
        "listener": {"port": ports["own"], "calling_ae_titles": ["RADTME"]},
        "targets": [
            {"name": name, "ae_title": "PACS", "host": "127.0.0.1", "port": ports["pacs"]} for name in ("pacs", "demo")
        ],
    }
    (tmp_path / "radtme.yaml").write_text(yaml.safe_dump(settings))
    shutil.copytree(scoring["folder"], tmp_path, dirs_exist_ok=True)
    for number in range(3):
        put_job(f"1.9{number}", JobState.DONE, result=scoring["result"])
    write(tmp_path / "study", [image(1)])
    put_corrected_copy(full_spool, image(1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RADTME_CONFIG", raising=False)
    held = CliRunner().invoke(radtme, ["hold", put_job("1.8", JobState.READY).id])  # and the audit trail begins
    assert held.exit_code == 0, held.output
    return tmp_path


def real_words(command: str) -> list[str]:
    """Return the words to type, with real names for those that a page leaves open."""
    words = shlex.split(command)[1:]
    named = {
        "[STUDY_UID]": "1.2.3",
        "STUDY_UID": "1.2.3",
        "1.2.840...": "1.2.3",
        "FOLDER": "study",
        "SERIES_FOLDER": "study",
        "TARGET": "pacs",
        "REASON": "a reason",
        "FILE": "radtme.yaml",
        "/etc/radtme/radtme.yaml": "radtme.yaml",
        "NAME": {"signature": OURS, "quarantine": QUARANTINED}.get(words[0], "pacs"),
        "JOB": job_id_for(JOBS.get(words[0], ""), 1),
    }
    return [named.get(word, word) for word in words]


@pytest.mark.parametrize("command", RUN_HERE)
@pytest.mark.usefixtures("installed")
def test_a_documented_command_does_its_work(command: str) -> None:
    """As it stands on the page, in an installation where there is something to do: exit code 0, and no traceback."""
    words = real_words(command)
    left = [word for word in words if re.fullmatch(r"\[?[A-Z_]{4,}\]?|.*\.\.\.", word)]
    assert not left, f"say in real_words() what stands for {left}"
    ran = CliRunner().invoke(radtme, words)
    assert ran.exit_code == 0, f"{words}: {ran.output}{ran.exception!r}"
    assert "Traceback" not in ran.output
    if "--json" in words:
        for document in [ran.stdout] if ran.stdout.startswith(("{\n", "[")) else ran.stdout.splitlines():
            json.loads(document)


def test_each_command_that_is_not_run_here_is_run_elsewhere() -> None:
    """The test that is named is there and types the subcommand, and each option that a page shows with it."""
    missing = []
    for command in DOCUMENTED:
        key = elsewhere(command)
        if key is None or is_mention(command):
            continue
        text = "".join((ROOT / "tests" / module).read_text() for module in ELSEWHERE[key])
        options = [word for word in shlex.split(command) if word.startswith("--")]
        missing += [f"{command}: {word}" for word in (key.split()[-1], *options) if f'"{word}"' not in text]
    assert not missing, "\n".join(missing)
    assert {elsewhere(command) for command in DOCUMENTED} - {None} == set(ELSEWHERE), "no page names it any more"


def test_what_a_page_only_mentions_it_or_another_shows_whole() -> None:
    """No subcommand escapes by standing on the pages without its arguments."""
    whole = {tuple(subcommand(shlex.split(command)[1:])[1]) for command in DOCUMENTED if not is_mention(command)}
    mentioned = {tuple(subcommand(shlex.split(command)[1:])[1]) for command in DOCUMENTED if is_mention(command)}
    assert mentioned - whole == set()
    assert len(RUN_HERE) > 40
