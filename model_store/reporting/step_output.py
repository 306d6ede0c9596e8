"""The output of a study step in its folder: tables, figures, a summary, and a record by which it can be skipped.

``<output>/<step>/tables/*.parquet|csv``, ``figures/*.png|svg``, ``summary.json``, ``step.json``.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_store.files import readable_json, replace_durably, sha256_of_file
from model_store.json_records import as_json, record_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


RECORD = "step.json"
SUMMARY = "summary.json"
DOTS_PER_INCH = 150


@dataclass(frozen=True)
class StepRecord:
    """What ``step.json`` holds: by what a step that has run can be skipped."""

    inputs: str
    """The `fingerprint` of what the step was run with."""
    outputs: Mapping[str, str]
    """SHA-256 of each file that it wrote, by its path below the step's folder."""


def write_table(folder: Path, name: str, frame: "pd.DataFrame") -> tuple[Path, Path]:
    """Write a table into a step's folder, as Parquet (exact, with types) and as CSV (for people), without its index."""
    parquet, csv = (_output_path(folder, "tables", name, kind) for kind in ("parquet", "csv"))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    replace_durably(parquet, buffer.getvalue())
    replace_durably(csv, frame.to_csv(index=False, lineterminator="\n").encode())
    return parquet, csv


def write_figure(folder: Path, name: str, figure: "Figure") -> tuple[Path, Path]:
    """Write a figure into a step's folder, as PNG and SVG. The same figure gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    png, svg = (_output_path(folder, "figures", name, kind) for kind in ("png", "svg"))
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(
        buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None}, bbox_inches="tight"
    )
    replace_durably(png, buffer.getvalue())
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        FigureCanvasSVG(figure).print_figure(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight")
    replace_durably(svg, buffer.getvalue())
    return png, svg


def write_summary(folder: Path, values: Mapping[str, Any]) -> Path:
    """Write the numbers that the study's report shows: JSON values, without NaN."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SUMMARY
    replace_durably(path, readable_json(values))
    return path


def read_summary(folder: Path) -> dict[str, Any]:
    """Return what `write_summary` wrote; empty where the step has not run."""
    path = folder / SUMMARY
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    return found


def fingerprint(plan: object, inputs: Iterable[Path] = (), more: Iterable[str] = ()) -> str:
    """Return a hash of what the output of a step depends on: its plan, the content of its inputs, our version.

    ``plan`` is a dataclass of plain values; ``inputs`` are files; ``more`` is what else the step depends on.
    """
    plain = asdict(plan) if is_dataclass(plan) and not isinstance(plan, type) else plan
    said = {
        "plan": plain,
        "inputs": [sha256_of_file(path) for path in inputs],
        "more": list(more),
        "version": version("radtme"),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def is_done(folder: Path, inputs: str) -> bool:
    """Return whether a step has completed with these inputs (a `fingerprint`) and its output is unchanged."""
    try:
        record = record_of(StepRecord, json.loads((folder / RECORD).read_bytes()))
        return record.inputs == inputs and all(
            sha256_of_file(folder / name) == digest for name, digest in record.outputs.items()
        )
    except (OSError, ValueError):
        return False


def mark_done(folder: Path, inputs: str, outputs: Iterable[Path] | None = None) -> None:
    """Record that a step finished; ``outputs`` are its tables, figures and summary unless others are named."""
    found = sorted(_own_outputs(folder) if outputs is None else outputs)
    written = {str(path.relative_to(folder)): sha256_of_file(path) for path in found}
    folder.mkdir(parents=True, exist_ok=True)
    replace_durably(folder / RECORD, readable_json(as_json(StepRecord(inputs, written))))


def mark_begun(folder: Path) -> None:
    """Remove the record of a finished step: until `mark_done`, its folder may hold old and new files."""
    (folder / RECORD).unlink(missing_ok=True)


def _own_outputs(folder: Path) -> list[Path]:
    found = [path for part in ("tables", "figures") for path in (folder / part).glob("*") if path.name[0] != "."]
    summary = folder / SUMMARY
    return [*found, summary] if summary.is_file() else found


def _output_path(folder: Path, part: str, name: str, kind: str) -> Path:
    (folder / part).mkdir(parents=True, exist_ok=True)
    return folder / part / f"{name}.{kind}"
