"""``radtme outline``: convert a mask file, such as one from ITK-SNAP, to a DICOM Segmentation."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.commands.network import calling_option, calling_title, peer_of, timeout_option
from deploy.commands.numbers import WholeNumber
from deploy.commands.options import config_option, tls_given, tls_options
from deploy.configuration.load import read_configuration
from deploy.errors import CommandError, WrongUsage
from deploy.stack.running_stack import as_running
from deploy.terminal import path_from_here

if TYPE_CHECKING:
    from deploy.outlining.table import OutlineRow


@click.command(
    epilog="Example: radtme outline tumour.nii.gz ./series --send; radtme outline masks.csv ./cases",
)
@click.argument("mask", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("series_folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--phase",
    type=WholeNumber(1),
    help="Number of the phase that the mask was drawn on; 1 is the earliest. Default: the only one that the mask fits, "
    "otherwise the first after contrast.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="VALUE[=NAME]",
    help="Value of a tumour in the mask, and its name. Repeat the option for several tumours.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: MASK.seg.dcm beside MASK.")
@click.option("--send", is_flag=True, help="Send the SEG.")
@click.option(
    "--target", metavar="NAME", default="own", help="With --send: a target's name or AET@host:port. Default: own."
)
@calling_option
@timeout_option
@tls_options
@config_option
def outline(
    mask: Path,
    series_folder: Path,
    phase: int | None,
    labels: Sequence[str],
    output: Path | None,
    send: bool,
    target: str,
    calling: str | None,
    timeout: float,
    config_file: Path | None,
    **tls: Any,
) -> None:
    """Convert MASK (NIfTI, NRRD, MHA), drawn on the images in SERIES_FOLDER, to a DICOM SEG.

    MASK can also be a table (.csv) with the columns mask and series, and optionally phase, label and output. Its paths
    are relative to SERIES_FOLDER. The mask may be flipped, rotated or cropped, but not resampled.
    """
    from deploy.network.dicom_files import DicomFile, read_all

    made: list[DicomFile] = []
    failed: list[CommandError] = []
    rows = _rows(mask, series_folder, phase, labels, output)
    for row in rows:
        try:
            click.echo(make_one(row))
            made.extend(file for file in read_all([row.output]) if isinstance(file, DicomFile))
        except CommandError as error:
            if len(rows) == 1:
                raise
            error.show()
            failed.append(error)
    if send and made:
        configuration = as_running(read_configuration(config_file))
        peer = peer_of(target, configuration, tls_given(**tls))
        send_made(made, peer, calling_title(calling, configuration), timeout)
    if failed:
        raise CommandError(f"{len(failed)} of {len(rows)} masks could not be converted", "see the errors above")


def _rows(
    mask: Path, series_folder: Path, phase: int | None, labels: Sequence[str], output: Path | None
) -> list["OutlineRow"]:
    from deploy.outlining.mask import WantedLabel
    from deploy.outlining.table import OutlineRow, default_output, read_table

    if mask.suffix.lower() == ".csv":
        if phase is not None or labels or output is not None:
            raise WrongUsage("--phase, --label and --output apply to a single mask; a table has columns for them")
        return read_table(mask, series_folder)
    try:
        wanted = tuple(WantedLabel.parse(text) for text in labels)
    except ValueError as error:
        raise WrongUsage(f"--label: {error}") from error
    return [OutlineRow(mask, series_folder, output or default_output(mask), phase, wanted)]


def make_one(row: "OutlineRow") -> str:
    """Write one SEG and return a line that describes it."""
    from deploy.outlining.mask import read_mask
    from deploy.outlining.phase import outlined_phase, phases_below
    from deploy.outlining.seg_from_mask import outline_segmentation, write_outline

    mask = read_mask(row.mask, row.labels)
    source = outlined_phase(mask, phases_below(row.series), row.phase)
    instance = outline_segmentation(mask, source)
    write_outline(instance, row.output)
    volume_ml = float(mask.spacing_mm[0] * mask.spacing_mm[1] * mask.spacing_mm[2]) / 1000
    regions = ", ".join(
        f"{item.SegmentLabel} {int(region.voxels.sum()) * volume_ml:.2f} mL"
        for item, region in zip(instance.SegmentSequence, mask.regions, strict=True)
    )
    return f"{path_from_here(row.output)}: {regions}; phase {source.number} of {source.count}"


def send_made(made: Sequence[Any], peer: Any, calling: str, timeout: float) -> None:
    """Send the SEGs.

    Raises
    ------
    CommandError
        If one was not stored.
    """
    from deploy.network.send import SendOutcome, send_files

    sent = send_files(peer, calling, made, timeout)
    refused = [one for one in sent if one.outcome is not SendOutcome.STORED]
    if refused:
        raise CommandError(f"{path_from_here(refused[0].file.path)}: {refused[0].outcome}: {refused[0].answer}")
    click.echo(f"sent to {peer}: {len(sent)}")
