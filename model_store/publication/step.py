"""Step ``publish``: the candidate of a study becomes a bundle with a full card. The forest stays the same."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.labelled_cohort import COLD, HOT, read_table
from model_store.errors import TrainingError
from model_store.files import readable_json, sha256_of_file
from model_store.publication.clear_items import clear_rows
from model_store.publication.ibsi_items import ibsi_rows
from model_store.publication.metrics_items import StudyEvidence, metrics_rows
from model_store.publication.model_card import card_sections, interval
from model_store.publication.plan import PublishPlan
from model_store.publication.rqs_items import rqs_rows
from model_store.publication.tripod import NOT_REPORTED, checklist
from model_store.reporting.document import Block, Section, pairs, to_html, to_markdown
from model_store.reporting.step_output import read_summary
from model_store.signatures.bundle import CANARY, ESTIMATOR, REPRODUCTION, BundleContent, load_bundle, write_bundle
from model_store.signatures.canary import from_npz
from model_store.signatures.claims import Requirement, requirements
from model_store.signatures.registry import require_scorable_by_service
from model_store.signatures.signature import Description, SignatureStatus
from model_store.signatures.validation_record import FEWEST_OF_A_CLASS, ValidatedCohort, ValidationRecord

HTML_CARD = "MODEL_CARD.html"
TRAIN_FIGURES = {
    "importance": "Top features: impurity in the forest, and fall of the AUC when shuffled in held-out cases",
    "candidates": "Candidates that were compared, with one standard error",
    "flow": "Flow of the training cases",
}
VALIDATE_FIGURES = {
    "roc": "ROC curves of all cohorts",
    "calibration": "Calibration",
    "confusion": "Confusion matrices",
    "decision_curve": "Decision curves",
    "subgroups": "Subgroups",
    "features_and_populations": "Spearman correlation of the top features with cell populations",
}
TRAIN_ONLY_FIGURES = {"roc": "ROC curves of the cross-validation, mean of the folds", "calibration": "Calibration"}
OWNER_TEXTS = (
    "healthcare_context",
    "data_source",
    "data_period",
    "setting",
    "eligibility",
    "treatments",
    "participants",
    "outline_readers",
    "label_source",
    "label_assessors",
    "blinding",
    "sample_size",
    "protocol",
    "registration",
    "ethics",
    "funding",
    "conflicts_of_interest",
    "patient_involvement",
    "data_sharing",
    "contact",
)


def publish_study(plan: PublishPlan, output: Path) -> Path:
    """Write the bundle that is to be published into ``<output>/publish/bundle`` and return its folder.

    Raises
    ------
    TrainingError
        Nothing was trained, another candidate was validated, or a requirement of ``validated`` is not met.
    SignatureError
        The candidate fails a check.
    """
    candidate = candidate_bundle(output)
    signature = load_bundle(candidate)
    if plan.activate:
        require_scorable_by_service(signature)
    validation = read_summary(output / "validate")
    if validation and validation["signature"]["digest"] != signature.digest:
        raise TrainingError(
            "step validate measured another signature than the candidate; run radtme signature validate"
        )
    cohorts: dict[str, Any] = {name: one for name, one in validation.get("cohorts", {}).items() if name != "training"}
    record = validation_record(plan, output / "validate", cohorts)
    claims = requirements(signature.description, record)
    if plan.validated and (unmet := [one for one in claims if not one.is_met]):
        raise TrainingError(
            "validated is set, but not all requirements are met: "
            + "; ".join(f"{one.name}: {one.found}" for one in unmet)
            + ". Publish it without validated; its results then carry the research notice"
        )
    description = describe(plan, signature.description, cohorts)
    if plan.validated:
        description = replace(description, validation=record)
    figures = _figures(output, with_validation=bool(validation))
    captions = {name: caption for name, (caption, _) in figures.items()}
    pictures = {name: content for name, (_, content) in figures.items()}
    sections = card_sections(description, captions, [*_owner_sections(plan, cohorts), requirements_section(claims)])
    sections += [
        _tripod(plan, bool(cohorts)),
        *_checklists(_evidence(plan, output, validation, description), description),
    ]
    reproduction = _reproduction(candidate, cohorts)
    sections += [repeating_section(description)] if reproduction else []
    content = BundleContent(
        description=description,
        estimator=(candidate / ESTIMATOR).read_bytes(),
        canary=from_npz((candidate / CANARY).read_bytes()),
        ranges=signature.ranges,
        card=to_markdown(sections),
        figures={**pictures, HTML_CARD: to_html(sections, pictures), **reproduction},
        distance=signature.distance,
    )
    return write_bundle(output / "publish" / "bundle", content)


def _reproduction(candidate: Path, cohorts: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the candidate's file that lets its figures be repeated, with the cohorts; none of an earlier version."""
    path = candidate / REPRODUCTION
    if not path.is_file():
        return {}
    known = {name: one["repeat"] for name, one in cohorts.items() if "repeat" in one}
    return {REPRODUCTION: readable_json({**json.loads(path.read_bytes()), "cohorts": known})}


def candidate_bundle(output: Path) -> Path:
    """Return the folder of the bundle that step ``train`` wrote last.

    Raises
    ------
    TrainingError
        There is none.
    """
    folders = [path for path in (output / "train" / "bundle").glob("[!.]*") if path.is_dir()]
    if len(folders) != 1:
        raise TrainingError(
            f"{output / 'train' / 'bundle'} holds {len(folders)} candidates; run radtme signature train"
        )
    return folders[0]


def describe(plan: PublishPlan, candidate: Description, cohorts: Mapping[str, Any]) -> Description:
    """Return the description of the published bundle: the candidate's, with purpose and validation."""
    names = ("cases", "hot", "auc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "confusion", "calibration")
    validated = {name: {key: numbers[key] for key in names} for name, numbers in cohorts.items()}
    return replace(
        candidate,
        intended_use=plan.intended_use,
        status=SignatureStatus.VALIDATED if plan.validated else SignatureStatus.RESEARCH,
        research_notice="" if plan.validated else plan.research_notice,
        metrics={**candidate.metrics, **validated},
        cohort={
            **candidate.cohort,
            "source": plan.data_source or NOT_REPORTED,
            "label": plan.label_source or NOT_REPORTED,
        },
    )


def validation_record(plan: PublishPlan, folder: Path, cohorts: Mapping[str, Any]) -> ValidationRecord:
    """Return what the step validate, which wrote into ``folder``, found out about each external cohort."""
    file = plan.protocol_file
    digest = sha256_of_file(file) if file is not None and file.is_file() else None
    if not cohorts:
        return ValidationRecord(digest, {})
    file = folder / "tables" / "scores.parquet"
    scores = read_table(file, ("cohort", "score", "phenotype"))
    found = {}
    for name, numbers in cohorts.items():
        mine = scores[scores["cohort"].astype(str) == name]
        _require_scores(mine, f"{file}, cohort {name}")
        hot, score = (mine["phenotype"] == HOT).to_numpy(np.bool_), mine["score"].to_numpy(np.float64)
        found[name] = ValidatedCohort.of(hot, score, numbers.get("compared_with_training", {}))
    return ValidationRecord(digest, found)


def _require_scores(cases: pd.DataFrame, where: str) -> None:
    """Raise unless the rows are as the step validate writes them; the file may have been changed since."""
    expected = {
        "score": ("a number from 0 to 1", pd.to_numeric(cases["score"], errors="coerce").between(0, 1)),
        "phenotype": (f"{HOT} or {COLD}", cases["phenotype"].isin([HOT, COLD])),
    }
    for column, (what, is_valid) in expected.items():
        if not is_valid.all():
            raise TrainingError(
                f"{where}: column {column} is not {what} in {int((~is_valid).sum())} of {len(cases)} rows; "
                "run radtme signature validate again"
            )
    for phenotype in (HOT, COLD):
        if (count := int((cases["phenotype"] == phenotype).sum())) < FEWEST_OF_A_CLASS:
            raise TrainingError(
                f"{where}: column phenotype is {phenotype} in {count} rows, at least {FEWEST_OF_A_CLASS} are needed; "
                "run radtme signature validate again"
            )


def requirements_section(found: Sequence[Requirement]) -> Section:
    """Return the section of the card."""
    met = sum(one.is_met for one in found)
    text = (
        f"{met} of {len(found)} are met. A signature without all of them carries its research notice on every result."
    )
    rows = [(one.name, "yes" if one.is_met else "no", one.found) for one in found]
    return Section(
        "Requirements of a validated signature",
        (Block(text=text), Block(rows=(("requirement", "met", "found"), *rows))),
    )


def repeating_section(description: Description) -> Section:
    """Return the section of the card that says how others repeat its figures."""
    command = (
        f"radtme signature verify {description.id}-{description.version} --reproduce --features FILE --labels FILE"
    )
    text = (
        f"{REPRODUCTION} in this bundle holds plan, folds and hashes of the tables. With the tables of the training or "
        f"of a cohort of the validation, this command repeats the figures above and compares them: {command}"
    )
    return Section("Repeat these figures", (Block(text=text),))


def _owner_sections(plan: PublishPlan, cohorts: Mapping[str, Any]) -> list[Section]:
    texts = {name: getattr(plan, name) or NOT_REPORTED for name in OWNER_TEXTS}
    limits = [f"Not for: {plan.not_for}", *plan.limitations, _general_limit(bool(cohorts))]
    return [
        Section("Data and labels", (pairs(texts),)),
        Section("Limits", tuple(Block(text=limit) for limit in limits)),
        Section("Validation", _validation(cohorts)),
    ]


def _general_limit(has_cohorts: bool) -> str:
    if has_cohorts:
        return (
            "How well it does elsewhere is not known: the numbers hold for cohorts like those that it was measured on."
        )
    return "It was not measured on patients of another cohort: how well it does elsewhere is not known."


def _validation(cohorts: Mapping[str, Any]) -> tuple[Block, ...]:
    if not cohorts:
        return (Block(text="None on other patients."),)
    calibration = ("calibration intercept", "calibration slope", "Brier score")
    head = ("cohort", "cases (hot)", "accuracy", "PPV", "NPV", *calibration, "left out")
    rows = [
        (
            name,
            f"{one['cases']} ({one['hot']})",
            *(interval(one[share]) for share in ("accuracy", "ppv", "npv")),
            *(interval(one["calibration"][part]) for part in ("intercept", "slope", "brier")),
            "; ".join(f"{why}: {count}" for why, count in one["left_out"].items() if count) or "none",
        )
        for name, one in cohorts.items()
    ]
    notes = sorted({note for one in cohorts.values() for note in one["notes"]})
    turned = tuple(zip(head, *rows, strict=True))  # cohorts side by side: no page is wide enough for all measures
    return (Block(rows=turned), *(Block(text=note[0].upper() + note[1:] + ".") for note in notes))


def _tripod(plan: PublishPlan, validated_on_others: bool) -> Section:
    written = {name: getattr(plan, name) for name in (*OWNER_TEXTS, "intended_use")}
    rows = checklist(written, validated_on_others=validated_on_others)
    missing = sum(where == NOT_REPORTED for *_, where in rows)
    text = (
        f"{len(rows) - missing} of {len(rows)} items are answered in this card, {missing} are not reported. "
        "Whether what is written there says all that an item asks for is for its reader to judge."
    )
    return Section("TRIPOD+AI", (Block(text=text), Block(rows=(("item", "topic", "where"), *rows))))


def _evidence(
    plan: PublishPlan, output: Path, validation: Mapping[str, Any], description: Description
) -> StudyEvidence:
    train = read_summary(output / "train")
    sites = (train.get("leave_one_site_out") or {}).get("sites", ())
    return StudyEvidence(
        {name: getattr(plan, name) for name in OWNER_TEXTS},
        train,
        validation,
        read_summary(output / "reliability"),
        len(sites),
        tuple(name.value for name in description.acceptance.acquisition),
    )


def _checklists(study: StudyEvidence, description: Description) -> list[Section]:
    """Return the checklists of radiomics, each answered by what was run or written."""
    found = {
        "METRICS": (metrics_rows(study), "The score of METRICS is left to a reader."),
        "CLEAR": (clear_rows(study), "What belongs to a publication, such as its abstract, is among the latter."),
        "RQS 2.0": (
            rqs_rows(study, description),
            "Points are left to a reader; what belongs to a trial or a product is among the latter.",
        ),
        "IBSI": (ibsi_rows(study, description), "Items of CT, PET, diffusion and brain images are left out."),
    }
    sections = []
    for name, (rows, remark) in found.items():
        missing = sum(answer == NOT_REPORTED for *_, answer in rows)
        text = (
            f"{len(rows) - missing} of {len(rows)} items are answered by what was run or written, {missing} are not "
            f"reported. {remark}"
        )
        sections.append(Section(name, (Block(text=text), Block(rows=(("item", "topic", "answer"), *rows)))))
    return sections


def _figures(output: Path, *, with_validation: bool) -> dict[str, tuple[str, bytes]]:
    """Return caption and content of the study's figures by file name."""
    train, validate = output / "train" / "figures", output / "validate" / "figures"
    wanted = [(train, name, caption) for name, caption in TRAIN_FIGURES.items()]
    if with_validation:
        wanted = [(validate, name, caption) for name, caption in VALIDATE_FIGURES.items()] + wanted
    else:
        wanted = [(train, name, caption) for name, caption in TRAIN_ONLY_FIGURES.items()] + wanted
    found = {}
    for folder, name, caption in wanted:
        path = folder / f"{name}.png"
        if path.is_file():
            found[path.name] = (caption, path.read_bytes())
    return found
