"""``radtme fhir``: a summary report as a FHIR bundle."""

import json
from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.errors import CommandError


@click.command(epilog="Example: radtme fhir 0123456789abcdef-v1; radtme fhir summary.dcm")
@click.argument("case", metavar="JOB|REPORT.dcm")
@config_option
def fhir(case: str, config_file: Path | None) -> None:
    """Print a summary report as a FHIR R5 bundle: a DiagnosticReport and its Observations.

    A target with kind: fhir receives the same bundle. Of the patient, it contains only the Patient ID and its issuer.
    """
    from pydicom import dcmread

    from workers.fhir.bundle import bundle_of
    from workers.results.result_roles import ResultRole

    path = Path(case)
    if path.suffix != ".dcm":
        path = _report_of(case, config_file)
    try:
        report = dcmread(path)
        bundle = bundle_of(report)
    except FileNotFoundError as error:
        raise CommandError(
            f"{case}: there is no such report", "radtme status lists the jobs and their results"
        ) from error
    except (AttributeError, KeyError, StopIteration, ValueError, OSError) as error:
        named = ResultRole.SUMMARY_REPORT.value
        raise CommandError(f"{case} is no summary report of radtme", f"give a {named}.dcm, or a job") from error
    click.echo(json.dumps(bundle, indent=2))


def _report_of(job_id: str, config_file: Path | None) -> Path:
    """Return the path of a job's summary report."""
    from deploy.operations.spool_checks import existing_spool
    from workers.results.result_roles import ResultRole

    job = existing_spool(read_configuration(config_file)).find_job(job_id)
    if job is None:
        raise CommandError(f"there is no job {job_id}", "radtme status lists the jobs")
    return job.folder / "objects" / f"{ResultRole.SUMMARY_REPORT}.dcm"
