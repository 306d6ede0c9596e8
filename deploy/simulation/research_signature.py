"""The research signature that ships with radtme: trained on phantoms, to prove that the chain works."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.simulation.research_cohort import (
    INFLAMMATION,
    NOISES,
    PROTOCOLS,
    SPREAD,
    MeasuredCase,
    cohort_specs,
    cohort_table,
    control_tables,
    measure_cohort,
)
from model_store.signatures.bundle import BundleContent, write_bundle
from model_store.signatures.profile import DEFAULT_PROFILE, FeatureProfile
from model_store.signatures.signature import SignatureStatus, require_name
from model_store.training.development import Purpose, develop

RESEARCH_ID = "radtme-research-phantom"
RESEARCH_NOTICE = "RESEARCH - simulated training data - not for clinical use"
INTENDED_USE = (
    "Proving that the chain from DICOM to report works. Trained on simulated phantoms, never on a patient: "
    "its scores say nothing about anyone's tumour."
)


@dataclass(frozen=True)
class ResearchPlan:
    """What decides the research signature: the same plan gives the same digest on the same library versions."""

    seed: int = 1
    cases: int = 160
    held_out: int = 160
    version: str = "1.0.0"
    profile: FeatureProfile = DEFAULT_PROFILE

    def __post_init__(self) -> None:
        require_name(self.version)  # here already: the measuring in between takes minutes


def build_research_signature(
    parent: Path, plan: ResearchPlan, jobs: int = 1, on_case: Callable[[], None] = lambda: None
) -> Path:
    """Simulate, measure, train, validate, and write the bundle into ``parent``; return its folder.

    Raises
    ------
    TrainingError
        Too few phantoms could be measured.
    """
    specs = cohort_specs(plan.seed, plan.cases + plan.held_out)
    return write_bundle(parent, research_content(plan, measure_cohort(specs, plan.profile, jobs, on_case, plan.cases)))


def research_content(plan: ResearchPlan, cases: Sequence[MeasuredCase]) -> BundleContent:
    """Return what the bundle holds, from the measured phantoms of the plan in their order."""
    purpose = Purpose(
        id=RESEARCH_ID,
        version=plan.version,
        status=SignatureStatus.RESEARCH,
        intended_use=INTENDED_USE,
        research_notice=RESEARCH_NOTICE,
        cohort={
            "source": "simulated phantoms, each written as DICOM and measured by the workers' code",
            "label": f"inflammation around {INFLAMMATION} in hot phantoms, around {1 - INFLAMMATION:.2f} in cold ones, "
            f"with a standard deviation of {SPREAD}, and none between 0.45 and 0.55: clearer than patients are",
            "phantoms_for_training": plan.cases,
            "phantoms_held_out": plan.held_out,
            "phantoms_refused": dict(Counter(case.refused for case in cases if case.refused)),
            "seed": plan.seed,
            "spacings_mm": [list(spacing) for _, _, spacing in PROTOCOLS],
            "noise": list(NOISES),
        },
    )
    training, held_out = (cohort_table(part) for part in (cases[: plan.cases], cases[plan.cases :]))
    regions = control_tables(cases[: plan.cases])
    return develop(purpose, plan.profile, training, held_out, plan.seed, regions=regions)
