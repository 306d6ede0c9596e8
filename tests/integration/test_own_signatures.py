"""Signatures of a study's own in the running service: an own profile with kinetics, and a harmonised one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread

from deploy.simulation.phantom import Phantom, write_phantom
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from model_store.signatures.bundle import load_bundle
from model_store.signatures.kinetics import KINETIC_NAMES
from model_store.signatures.profile import DEFAULT_PROFILE
from support.broken_studies import SMALL
from support.cohort_tables import write_cohort
from support.processes import wait_until
from workers.features.extraction import columns
from workers.features.measurement import measure

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

PATIENTS = 16
SERVICE = (
    "data: data\nlistener: {port: 0, metrics_port: 0, min_free_bytes: 0}\n"
    "workers: {metrics_port: 0, criteria_as_notes: [feature_range, training_distance]}\n"
)
QUICK = "columns: [8], max_depths: [3], trees: 40, repeats: 1, jobs: 1, alternatives: no"
KINETIC = [f"tumour_{name}" for name in KINETIC_NAMES]
OTHERS = ["tumour_original_firstorder_Mean", "ring_original_glcm_Contrast"]


class Service:
    """A folder with a running ``radtme up``, and the commands beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "radtme.yaml").write_text(SERVICE)
        self._log = (folder / "up.out").open("wb")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; the first job waits until it is ready."""
        words = [sys.executable, "-P", "-m", "deploy", "up", "--logs", "logs"]
        self._process = subprocess.Popen(words, cwd=self.folder, stdout=self._log, stderr=subprocess.STDOUT)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(300)
        self._log.close()

    def radtme(self, *words: object) -> str:
        """Run a command and return what it printed."""
        command = [sys.executable, "-P", "-m", "deploy", *map(str, words)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def result(self, phantom: Phantom) -> tuple[Path, dict[str, Any]]:
        """Send a phantom, wait until its job is done, and return the job's folder and result."""
        wait_until(lambda: self._sent(phantom.seg_path.parent), 900, "the listener takes the study", pause_seconds=2)
        wait_until(lambda: self._job(phantom) is not None, 900, "the job is done", pause_seconds=2)
        job = self._job(phantom)
        assert job is not None
        return job.folder, dict(json.loads((job.folder / "result.json").read_text()))

    def _sent(self, study: Path) -> bool:
        command = [sys.executable, "-P", "-m", "deploy", "send", str(study)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=False).returncode == 0

    def _job(self, phantom: Phantom) -> Job | None:
        jobs = Spool(self.folder / "data" / "spool").jobs()
        return next(
            (one for one in jobs if one.record.study_uid == phantom.study_uid and one.state is JobState.DONE), None
        )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service, beside a published signature of each kind."""
    found = Service(tmp_path_factory.mktemp("own"))
    try:
        own_profile_study(found)
        harmonised_study(found)
        found.start()
        yield found
    finally:
        found.stop()


def own_profile_study(service: Service) -> None:
    """Extract phantoms with kinetic features, train on these and two others, publish."""
    folder = service.folder
    for number in range(PATIENTS):
        kind = "inflamed" if number % 2 == 0 else "desert"
        write_phantom(folder / "dicom" / str(number), 100 + number, **SMALL, immune=kind)
    (folder / "mine.yaml").write_text("{bin_width: 20, kinetics: {early: 2, late: last}}")
    pd.DataFrame({"feature": [*KINETIC, *OTHERS]}).to_csv(folder / "list.csv", index=False)
    (folder / "mine-study.yaml").write_text(
        "output: mine\nextract: {folder: dicom, own_profile: mine.yaml, controls: no, jobs: 2}\n"
        "train: {id: mine, own_profile: mine.yaml, labels: labels.csv, preselected: list.csv,\n"
        f"  preselected_origin: a hypothesis, {QUICK}}}\n"
    )
    service.radtme("cohort", "extract", "mine-study.yaml")
    table = pd.read_parquet(folder / "mine" / "extract" / "tables" / "features.parquet")
    assert (table["reason"] == "").all()
    assert table[KINETIC].notna().all(axis=None)
    by_study = {}
    for number in range(PATIENTS):
        header = dcmread(folder / "dicom" / str(number) / "seg.dcm", stop_before_pixels=True)
        by_study[header.StudyInstanceUID] = "hot" if number % 2 == 0 else "cold"
    labels = table[["patient"]].assign(phenotype=table["study_uid"].map(by_study))
    labels.to_csv(folder / "labels.csv", index=False)
    service.radtme("signature", "train", "mine-study.yaml")
    service.radtme("signature", "publish", "mine-study.yaml")


def harmonised_study(service: Service) -> None:
    """Train a harmonised signature on a table of two scanners around one measured phantom, and publish it."""
    folder = service.folder
    phantom = write_phantom(folder / "measured", 300, **SMALL)
    found = measure([path for phase in phantom.image_paths for path in phase], phantom.seg_path, DEFAULT_PROFILE)
    features = {f"{one.region}_{name}": value for one in found.regions for name, value in one.features.items()}
    row = pd.DataFrame([{name: features.get(name, np.nan) for name in columns(DEFAULT_PROFILE)}])
    write_cohort(folder, "two", row, "P", 48, 1)
    table = pd.read_parquet(folder / "two.parquet")
    other = np.arange(len(table)) // 2 % 2 == 1
    names = list(columns(DEFAULT_PROFILE))
    table.loc[other, names] = table.loc[other, names] * 1.5 + 2
    table.assign(scanner=np.where(other, "Maker B Two", "radtme phantom")).to_parquet(folder / "two.parquet")
    (folder / "two-study.yaml").write_text(
        "output: two\ntrain: {id: harmonised, features: two.parquet, labels: two_labels.csv, harmonise: yes,\n"
        f"  {QUICK}}}\n"
    )
    service.radtme("signature", "train", "two-study.yaml")
    service.radtme("signature", "publish", "two-study.yaml")


def rescored(service: Service, folder: Path) -> dict[str, Any]:
    """Return what ``radtme rescore`` says of the feature report of a job."""
    (report,) = [path for path in (folder / "objects").glob("*.dcm") if "features" in str(
        dcmread(path, stop_before_pixels=True).get("SeriesDescription", "")).lower()]  # fmt: skip
    return dict(json.loads(service.radtme("rescore", report, "--json")))


def test_the_service_runs_what_a_training_with_an_own_profile_used(service: Service) -> None:
    """Extract, train, publish, activate, send: the score is that of the table, and its report repeats it."""
    service.radtme("signature", "activate", "mine-1.0.0")
    phantom = write_phantom(service.folder / "new" / "own", 201, **SMALL)
    folder, found = service.result(phantom)
    bundle = next((service.folder / "data" / "signatures" / "bundles").glob("mine-1.0.0-*"))
    signature = load_bundle(bundle)
    assert set(signature.columns) & set(KINETIC)
    assert found["signature"]["profile"] == signature.profile.name
    paths = [path for phase in phantom.image_paths for path in phase]
    measured = measure(paths, phantom.seg_path, signature.profile)
    values = {f"{one.region}_{name}": value for one in measured.regions for name, value in one.features.items()}
    score = signature.estimator.predict_proba(np.array([[values[name] for name in signature.columns]]))[0, 1]
    assert found["score"]["hot_probability"] == pytest.approx(float(score), abs=1e-12)
    assert rescored(service, folder)["problems"] == []


def test_two_phases_are_not_scored_because_the_late_one_is_missing(service: Service) -> None:
    """The report names the phase, not a number that was made up."""
    service.radtme("signature", "activate", "mine-1.0.0")
    _, found = service.result(write_phantom(service.folder / "new" / "two", 202, **SMALL, phases=2))
    assert found["rejection"]["reason"] == "feature_not_computable"
    assert "the examination has 2 phases, none after the early" in found["rejection"]["message"]


def test_a_harmonised_signature_scores_its_scanners_alone(service: Service) -> None:
    """The score is that of the harmonised values, its report repeats it, and another scanner is not scored."""
    service.radtme("signature", "activate", "harmonised-1.0.0")
    phantom = write_phantom(service.folder / "new" / "known", 203, **SMALL)
    folder, found = service.result(phantom)
    signature = load_bundle(next((service.folder / "data" / "signatures" / "bundles").glob("harmonised-*")))
    paths = [path for phase in phantom.image_paths for path in phase]
    measured = measure(paths, phantom.seg_path, signature.profile)
    values = {f"{one.region}_{name}": value for one in measured.regions for name, value in one.features.items()}
    row = np.array([[values[name] for name in signature.columns]])
    score = signature.estimator.predict_proba(signature.harmonised(row, "radtme phantom"))[0, 1]
    assert found["score"]["hot_probability"] == pytest.approx(float(score), abs=1e-12)
    assert rescored(service, folder)["problems"] == []
    other = write_phantom(service.folder / "new" / "other", 204, **SMALL)
    for path in (path for phase in other.image_paths for path in phase):
        image = dcmread(path)
        image.Manufacturer = "Maker C"
        image.save_as(path)
    _, refused = service.result(other)
    assert refused["rejection"]["reason"] == "other_scanner"
