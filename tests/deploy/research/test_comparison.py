"""Comparing a signature with its shadow on the cases that both scored."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.research.comparison import compare_on_spool
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from model_store.signatures.signature import Signature
from support.records import SIGNATURE, facts_of, job_record, result_record
from workers.results.result_record import ScoreRecord, write_result
from workers.scoring.case_result import Phenotype
from workers.scoring.shadow_record import ShadowOutcome, ShadowRecord


def test_an_uncertain_verdict_counts_by_what_it_tends_to(spool: Spool) -> None:
    """The shadow's outlines are not redrawn, so the classes by the threshold are compared, whatever is uncertain."""
    verdicts = (
        (0.9, Phenotype.HOT, None),  # of before there were uncertain ones
        (0.8, Phenotype.UNCERTAIN, Phenotype.HOT),
        (0.3, Phenotype.UNCERTAIN, Phenotype.COLD),
        (0.1, Phenotype.COLD, Phenotype.COLD),
    )
    for number, (probability, phenotype, tendency) in enumerate(verdicts):
        job = spool.create_job(job_record(job_id_for(f"1.2.{number}", 1)), JobState.DONE, **facts_of(JobState.DONE))
        assert job is not None
        shadow = ShadowRecord(
            outcome=ShadowOutcome.AGREES,
            name="other",
            digest="other",
            beside="one",
            hot_probability=probability,
            threshold=0.5,
            phenotype=Phenotype.HOT if probability >= 0.5 else Phenotype.COLD,
        )
        score = ScoreRecord(probability, 0.5, phenotype, tendency)
        write_result(job, result_record(job.id, score=score, signature=replace(SIGNATURE, digest="one"), shadow=shadow))
    found = compare_on_spool(spool.root, signature("one"), signature("other"))
    agreement: dict[str, Any] = found.summary["agreement"]
    assert (agreement["both_hot"], agreement["both_cold"]) == (2, 2)
    assert agreement["kappa"]["value"] == pytest.approx(1.0)


def signature(name: str) -> Signature:
    """Return what a comparison on a spool asks a signature for."""
    return cast("Signature", SimpleNamespace(digest=name, name=name, threshold=0.5, id=name, version="1"))
