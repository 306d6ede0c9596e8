"""``radtme cohort``: from a cohort's images to a table of features that a signature can be trained on."""

from pathlib import Path

import click

from deploy.commands.numbers import Amount, WholeNumber
from deploy.commands.options import OutputFolder, output_folder_option, readable_errors
from deploy.commands.recipe import recipe
from deploy.commands.sample_size import sample_size
from deploy.configuration.study import load_study
from deploy.errors import ExitCode, WrongUsage
from deploy.terminal import notices, path_from_here
from model_store.cohort.plan import ExtractPlan
from model_store.reliability.plan import ReliabilityPlan
from model_store.signatures.profile import DEFAULT_PROFILE, PROFILES
from model_store.validation.plan import CohortFiles, ValidatePlan

config_argument = click.argument(
    "config_file", metavar="STUDY", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)


@click.group(
    epilog="Example: radtme cohort extract study.yaml; radtme cohort reliability study.yaml; "
    "radtme cohort phenotype study.yaml",
    no_args_is_help=True,
)
def cohort() -> None:
    """Measure a cohort and the reliability of its features. STUDY is the configuration of a study."""


cohort.add_command(recipe)
cohort.add_command(sample_size)


@cohort.command(epilog="Example: radtme cohort extract study.yaml; radtme cohort extract ./dicom --output ./measured")
@click.argument("source", metavar="[STUDY|FOLDER]", required=False, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--pairs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with the columns image, mask, patient, instead of a FOLDER.",
)
@click.option(
    "--output",
    type=OutputFolder(),
    help="Folder for the tables; required with a FOLDER or --pairs.",
)
@click.option(
    "--profile",
    metavar="NAME",
    default=None,
    type=click.Choice(sorted(PROFILES)),
    help=f"Feature profile, with a FOLDER or --pairs: {', '.join(sorted(PROFILES))}.",
)
@click.option(
    "--config",
    "service_config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The service's configuration: its workers.segment_rules apply. With a FOLDER.",
)
@click.option("--concurrency", "jobs", default=None, type=WholeNumber(0), help="Processes. Default: all cores.")
def extract(
    source: Path | None,
    pairs: Path | None,
    output: Path | None,
    profile: str | None,
    service_config: Path | None,
    jobs: int | None,
) -> None:
    """Measure every outlined tumour of a cohort: 958 features for each lesion, or the reason for not measuring it.

    A FOLDER holds DICOM in any layout, or NIfTI / NRRD images with masks (X_image.nrrd, X_mask.nrrd).
    After Ctrl-C, the next run continues where this one stopped.
    """
    from dataclasses import replace

    from deploy.cohort.extract import extract as run

    further: list[CohortFiles] = []
    if (source is None) == (pairs is None):
        raise WrongUsage("expected one of STUDY, FOLDER and --pairs FILE")
    if source is None or source.is_dir():
        if output is None:
            raise WrongUsage("a FOLDER and --pairs need a folder for the tables: --output FOLDER")
        profile, folder = profile or DEFAULT_PROFILE.name, output / "extract"
        plan = ExtractPlan(folder=source, pairs=pairs, profile=profile, service_configuration=service_config)
    else:
        if output is not None or profile is not None or service_config is not None:
            raise WrongUsage("--output, --profile and --config are for a FOLDER or --pairs; a STUDY contains them")
        study = load_study(source)
        plan, folder = study.plan("extract", ExtractPlan), study.folder("extract")
        further = [one for one in study.plan("validate", ValidatePlan).cohorts if one.folder is not None]
    plan = plan if jobs is None else replace(plan, jobs=jobs)
    parts = {folder: plan}
    for one in further:
        others = replace(plan, folder=one.folder, pairs=None, pacs=None, names=None, controls=False)
        parts[folder.with_name(one.step)] = others
    for part_folder, part in parts.items():
        with readable_errors():
            extracted = run(part, part_folder, notices())
        lesions = extracted.tables.features
        measured = int((lesions["reason"] == "").sum())
        click.echo(f"{measured} of {len(lesions)} lesions measured ({len(extracted.tables.outlines)} outlines)")
        for reason, cases in lesions.loc[lesions["reason"] != "", "reason"].value_counts().items():
            click.echo(f"not measured: {cases} {reason}; see {path_from_here(part_folder / 'tables' / 'reasons.csv')}")
        click.echo(str(path_from_here(part_folder / "tables" / "features.parquet")))
        if measured == 0:
            raise SystemExit(ExitCode.FAILED)


@cohort.command(epilog="Example: radtme cohort phenotype study.yaml")
@config_argument
def phenotype(config_file: Path) -> None:
    """Label each tumour of a cohort by its expression: immune-inflamed (hot) or immune-desert (cold).

    Other cohorts that phenotype.cohorts names follow. A step that was completed with the same files and settings is
    skipped.
    """
    from deploy.research.phenotype import STEP, following_studies, result_lines, run_phenotype

    study = load_study(config_file)
    for one in (study, *following_studies(study)):
        if one is not study:
            notices().print(f"phenotypes of {path_from_here(one.file)}", markup=False)
        with readable_errors():
            ran = run_phenotype(one, lambda what: notices().print(what, markup=False))
        if not ran:
            notices().print("nothing to do: files and settings are unchanged since the last run")
        for line in result_lines(one):
            click.echo(line)
        click.echo(path_from_here(one.folder(STEP) / "tables" / "labels.parquet"))


@cohort.command(epilog="Example: radtme cohort simulate --output ./simulated --patients 80")
@output_folder_option
@click.option("--seed", default=1, show_default=True, type=WholeNumber(0), help="The same seed gives the same cohort.")
@click.option("--patients", default=60, show_default=True, type=WholeNumber(10))
@click.option(
    "--sites", default=3, show_default=True, type=WholeNumber(1, 4), help="Each site has a scanner of its own."
)
@click.option("--no-effect", is_flag=True, help="Simulate no effect, so that any effect found is a false positive.")
@click.option(
    "--repeated",
    metavar="SHARE",
    default=0.4,
    show_default=True,
    type=Amount(0, 1),
    help="Share of the patients whose tumour is outlined twice more, once by a second reader.",
)
@click.option(
    "--five-cohorts",
    is_flag=True,
    help="Add a validation, a treated, a prognosis and an RNA cohort, each half as large.",
)
@click.option("--concurrency", "jobs", default=0, type=WholeNumber(0), help="Processes. Default: all cores.")
def simulate(
    output: Path, seed: int, patients: int, sites: int, no_effect: bool, repeated: float, five_cohorts: bool, jobs: int
) -> None:
    """Write a simulated cohort into a folder, as input of a study: DICOM, labels, clinical data, genes, study.yaml.

    planted.json contains the simulated effects and the AUC that can be reached.
    """
    from deploy.simulation.cohort import SimulationPlan, write_cohort
    from deploy.simulation.planted import Planted

    output.mkdir(parents=True, exist_ok=True)
    plan = SimulationPlan(seed, patients, sites, Planted(effect=not no_effect), repeated, jobs, five_cohorts)
    with readable_errors():
        click.echo(path_from_here(write_cohort(output, plan, notices())))


@cohort.command(epilog="Example: radtme cohort reliability study.yaml")
@config_argument
def reliability(config_file: Path) -> None:
    """Measure the reliability of each feature: its ICC over repeated outlines of the same lesions.

    If no two readers outlined the same lesions, the outlines are perturbed at random, and the result states it.
    """
    from deploy.cohort.reliability import reliability as run

    study = load_study(config_file)
    plan = study.plan("reliability", ReliabilityPlan)
    extraction, folder = study.plan("extract", ExtractPlan), study.folder("reliability")
    with readable_errors():
        table = run(plan, extraction, study.folder("extract"), folder, notices())
    click.echo(f"{int(table['kept'].sum())} of {len(table)} features have an ICC of at least {plan.threshold:g}")
    click.echo(path_from_here(folder / "tables" / "icc.parquet"))
