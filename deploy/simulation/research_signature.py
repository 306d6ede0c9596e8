"""The research signature that ships with radtme: trained on phantoms, to prove that the chain works."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.simulation.research_cohort import (
    INFLAMMATION,
    NOISES,
    OTHER_PROTOCOLS,
    PROTOCOLS,
    SPREAD,
    MeasuredCase,
    acquired,
    cohort_specs,
    cohort_table,
    control_tables,
    measure_cohort,
    other_specs,
)
from model_store.errors import TrainingError
from model_store.signatures.bundle import BundleContent, write_bundle
from model_store.signatures.profile import DEFAULT_PROFILE, FeatureProfile
from model_store.signatures.signature import SignatureStatus, require_name
from model_store.training.development import Purpose, develop
from model_store.training.forest import FOLDS

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
    other_spacings: int = 72
    """Further phantoms, with spacings that training does not see."""
    version: str = "1.0.0"
    profile: FeatureProfile = DEFAULT_PROFILE

    def __post_init__(self) -> None:
        # Here already: the measuring in between takes minutes.
        require_name(self.version)
        if self.cases < 2 * FOLDS:
            raise TrainingError(f"{FOLDS} folds need {FOLDS} hot patients and as many cold; found {self.cases} cases")


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
    cases = measure_cohort(specs, plan.profile, jobs, on_case, plan.cases)
    others = measure_cohort(other_specs(plan.seed, plan.other_spacings), plan.profile, jobs, on_case, redraws=0)
    return write_bundle(parent, research_content(plan, cases, others))


def research_content(
    plan: ResearchPlan, cases: Sequence[MeasuredCase], others: Sequence[MeasuredCase]
) -> BundleContent:
    """Return what the bundle holds, from the measured phantoms of the plan in their order."""
    everyone = [*cases, *others]
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
            "phantoms_refused": dict(Counter(case.refused for case in everyone if case.refused)),
            "seed": plan.seed,
            "phantoms_of_other_spacings": plan.other_spacings,
            "spacings_mm": [list(spacing) for _, _, spacing in PROTOCOLS],
            "other_spacings_mm": [list(spacing) for _, _, spacing in OTHER_PROTOCOLS],
            "phase": "the first after contrast, 90 s after it",
            "pulse_sequence": "none is simulated, so that repetition time, echo time, flip angle and field strength "
            "are not known",
            "noise": list(NOISES),
        },
    )
    training, held_out, other = map(cohort_table, (cases[: plan.cases], cases[plan.cases :], others))
    return develop(
        purpose,
        plan.profile,
        training,
        held_out,
        plan.seed,
        regions=control_tables(cases[: plan.cases]),
        also_held_out={"held_out_other_spacings": other} if plan.other_spacings else None,
        acquired=acquired(everyone),
    )
