"""How far a scanner's cases lie from the training cases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from listener.spool import job_rows
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from model_store.signatures.signature import Signature
from model_store.signatures.training_ranges import FeatureRange
from support.records import SIGNATURE, facts_of, job_record, result_record
from workers.features.regions import Region, RegionMeasurement
from workers.metrics.recent_cases import MAX_SCANNERS, MIN_CASES, OTHER, DriftCollector, RecentCases
from workers.results.result_record import ScoreRecord, write_result
from workers.scoring.case_result import DriftRecord, Phenotype
from workers.scoring.drift import SHARES, WATCHED, drift_record, part_of, scanner_of, stability_index


@pytest.fixture(scope="module")
def signature(tmp_path_factory: pytest.TempPathFactory) -> Signature:
    """Return the shipped signature."""
    registry = Registry(tmp_path_factory.mktemp("signatures"))
    registry.ensure_shipped()
    return registry.active()


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None) -> Spool:
    """Return an empty spool."""
    spool = Spool(tmp_path / "spool", ledger_url)
    spool.prepare()
    return spool


def regions_of(signature: Signature, share: float) -> list[RegionMeasurement]:
    """Return regions in which each feature lies at a share of its way from the training minimum to the maximum."""
    features: dict[Region, dict[str, float]] = {region: {} for region in Region}
    for column, known in signature.ranges.items():
        region, _, name = column.partition("_")
        features[Region(region)][name] = known.minimum + share * (known.maximum - known.minimum)
    return [RegionMeasurement(region, 1.0, 1000, 40, values) for region, values in features.items()]


def scanner(manufacturer: str = "GE MEDICAL SYSTEMS", model: str = "SIGNA HDx") -> Dataset:
    """Return a header that says which scanner it came from."""
    header = Dataset()
    header.Manufacturer, header.ManufacturerModelName = manufacturer, model
    return header


def test_training_cases_do_not_drift_from_themselves(signature: Signature) -> None:
    """A thousand draws from the distribution itself: the index stays far below the 0.1 that Siddiqi calls no change."""
    values = np.random.default_rng(3).normal(size=1000)
    counts = np.bincount([part_of(FeatureRange.of(values), value) for value in values], minlength=len(SHARES))
    assert stability_index(counts.tolist()) < 0.001


def test_the_index_is_that_of_its_definition() -> None:
    """Sum of (share now - share then) x ln(share now / share then); 600 cases, so that smoothing hardly counts."""
    counts = [120, 120, 120, 120, 60, 60]
    shares = [count / 600 for count in counts]
    expected = sum((now - then) * np.log(now / then) for now, then in zip(shares, SHARES, strict=True))
    assert stability_index(counts) == pytest.approx(expected, rel=0.02)
    assert stability_index([0, 0, 0, 0, 0, 600]) > 0.25


def test_a_case_beyond_the_training_range_says_so(signature: Signature) -> None:
    """Every feature above the training maximum: all of them are outside, and in the last part."""
    record = drift_record(signature, regions_of(signature, 1.5), [scanner()])
    assert record.outside == record.features == len(signature.columns)
    assert set(record.parts.values()) == {len(SHARES) - 1}
    assert len(record.parts) == min(WATCHED, len(signature.columns))
    assert drift_record(signature, regions_of(signature, 0.5), [scanner()]).outside == 0


def test_a_scanner_is_named_without_what_a_label_cannot_hold() -> None:
    """Free text of a header becomes a short label; nothing becomes a label of its own."""
    assert scanner_of(scanner()) == "GE MEDICAL SYSTEMS SIGNA HDx"
    assert scanner_of(scanner("A\nB", '"}')) == "A B"
    assert scanner_of(Dataset()) == "unknown"
    assert len(scanner_of(scanner("x" * 500))) <= 48


def put(
    spool: Spool,
    number: int,
    record: DriftRecord,
    digest: str = "d",
    phenotype: str = "hot",
    tendency: str | None = None,
) -> None:
    """Put a scored case into the spool."""
    job = spool.create_job(job_record(job_id_for(f"1.2.{number}", 1)), JobState.DONE, **facts_of(JobState.DONE))
    assert job is not None
    result = result_record(
        job.id,
        finished=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        signature=replace(SIGNATURE, digest=digest),
        score=ScoreRecord(0.5, 0.5, Phenotype(phenotype), tendency and Phenotype(tendency)),
        drift=record,
    )
    write_result(job, result)


def shown(cases: RecentCases, digest: str | None = "d") -> dict[tuple[str, ...], float]:
    """Return every sample of the collector by name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in DriftCollector(cases, lambda: digest).collect()
        for sample in family.samples
    }


def test_what_is_shown_is_what_lies_in_the_spool(spool: Spool) -> None:
    """Cases of the active signature by scanner; of another signature, of other outcomes and damaged ones not."""
    record = DriftRecord("A", {"ring_x": 5}, 2, 10)
    for number in range(MIN_CASES):
        verdict = {"phenotype": "uncertain", "tendency": "hot"} if number % 3 == 2 else {"phenotype": "hot"}
        put(spool, number, record, **(verdict if number % 3 else {"phenotype": "cold"}))
    put(spool, 900, replace(record, scanner="B"))
    put(spool, 901, record, digest="another")
    damaged = spool.create_job(job_record(job_id_for("1.2.902", 1)), JobState.DONE, **facts_of(JobState.DONE))
    assert damaged is not None
    (damaged.folder / "result.json").write_text("{")
    samples = shown(RecentCases(spool))
    assert samples["radtme_recent_cases", "A"] == MIN_CASES
    assert samples["radtme_recent_hot_ratio", "A"] == pytest.approx(20 / 30)
    assert samples["radtme_recent_uncertain_ratio", "A"] == pytest.approx(10 / 30)
    assert samples["radtme_recent_features_outside_training_ratio", "A"] == pytest.approx(0.2)
    assert samples["radtme_feature_stability_index", "A", "ring_x"] > 0.25
    assert samples["radtme_recent_cases", "B"] == 1
    assert ("radtme_feature_stability_index", "B", "ring_x") not in samples
    assert shown(RecentCases(spool), digest=None) == {}


def test_a_result_that_comes_later_is_seen_later_and_one_that_goes_is_forgotten(spool: Spool) -> None:
    """A job without a result yet is looked at again; one that retention removed does not count any more."""
    cases, record = RecentCases(spool), DriftRecord("A", {"ring_x": 1}, 0, 10)
    job = spool.create_job(job_record(job_id_for("1.2.3", 1)), JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    assert job is not None
    assert shown(cases) == {}
    put(spool, 4, record)
    assert shown(cases)["radtme_recent_cases", "A"] == 1
    done = spool.find_job(job_id_for("1.2.4", 1))
    assert done is not None
    with spool.ledger.writing() as connection:
        job_rows.remove(connection, [done.id], [JobState.DONE])
    assert shown(cases) == {}


def test_a_field_that_anyone_can_fill_does_not_fill_prometheus(spool: Spool) -> None:
    """Scanners beyond the first ones share a label."""
    for number in range(MAX_SCANNERS + 5):
        put(spool, number, DriftRecord(f"S{number}", {"ring_x": 1}, 0, 10))
    samples = {key: value for key, value in shown(RecentCases(spool)).items() if key[0] == "radtme_recent_cases"}
    assert len(samples) == MAX_SCANNERS + 1
    assert samples["radtme_recent_cases", OTHER] == 5
