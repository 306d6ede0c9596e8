"""The step ``phenotype`` of a study, as a command and as a part of a whole study."""

from collections.abc import Callable
from dataclasses import replace

from deploy.configuration.study import StudyConfiguration, load_study
from deploy.errors import WrongUsage
from model_store.errors import StudyError
from model_store.phenotype.plan import PhenotypePlan
from model_store.reporting.step_output import fingerprint, is_done, mark_begun, mark_done, read_summary

STEP = "phenotype"


def run_phenotype(study: StudyConfiguration, tell: Callable[[str], None]) -> bool:
    """Run the step unless it is done with the same plan and inputs; tell whether it ran.

    Raises
    ------
    WrongUsage
        The configuration has no section for it.
    SignatureError
        A file is missing, or no valid phenotype can be derived from it.
    """
    plan = study.plan(STEP, PhenotypePlan)
    if missing := [path for path in plan.inputs() if not path.is_file()]:
        raise StudyError(f"{missing[0]} is not a file; see section {STEP} of {study.file}")
    folder = study.folder(STEP)
    inputs = fingerprint(replace(plan, cohorts=()), plan.inputs())
    if is_done(folder, inputs):
        return False
    from model_store.phenotype.step import find_phenotypes

    mark_begun(folder)
    find_phenotypes(plan, folder, tell)
    mark_done(folder, inputs)
    return True


def following_studies(study: StudyConfiguration) -> list[StudyConfiguration]:
    """Return the studies of other cohorts whose phenotypes follow from the centroids of this one.

    Raises
    ------
    WrongUsage
        A file is not there, or its section phenotype names other centroids.
    """
    own = (study.folder(STEP) / "tables" / "centroids.parquet").resolve()
    found = []
    for path in study.plan(STEP, PhenotypePlan).cohorts:
        if not path.is_file():
            raise WrongUsage(f"{study.file}: phenotype.cohorts: {path} is not a file")
        other = load_study(path)
        centroids = other.plan(STEP, PhenotypePlan).centroids
        if centroids is None or centroids.resolve() != own:
            raise WrongUsage(f"{path}: phenotype.centroids: expected {own}, of the study that names this cohort")
        found.append(other)
    return found


def result_lines(study: StudyConfiguration) -> list[str]:
    """Return what the step found, for the person at the terminal."""
    found = read_summary(study.folder(STEP))
    votes = f"{found['votes'].get(str(found['clusters']), 0)} of {sum(found['votes'].values())} indices"
    lines = [
        f"{found['patients']} patients: {found['hot']} hot (immune-inflamed), {found['cold']} cold (immune-desert)",
        f"{found['clusters']} clusters: {votes}, mean silhouette {found['mean_silhouette']:.2f}"
        if found["votes"]
        else f"by the centroids of another cohort: mean silhouette {found['mean_silhouette']:.2f}",
    ]
    if agreed := found.get("second_scoring", {}).get("agreement"):
        lines.append(f"second scoring: {agreed['same']} of {agreed['n']} the same, kappa {agreed['kappa']:.2f}")
    if dates := found["names_turned_into_dates"]:
        lines.append(f"warning: gene names that a spreadsheet turned into dates: {', '.join(dates)}")
    return lines
