"""Commands as a person runs them, against the first release's in the same run: the demo, and measuring a cohort.

As in `first_release.py`, its code comes from the history, and runs with the libraries of this environment.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from aims import Row
from first_release import unpack
from generated_study import write_study

FIRST, NOW = "first", "now"
PROGRAMS = {
    FIRST: (sys.executable, "-P", "-c", "from deploy.cli import main; main()"),
    NOW: (str(Path(sys.executable).with_name("radtme")),),
}
"""The installed script imports a module that the first release lacks; -P keeps the working folder out of its path."""
DEMO = (20.0, 12.0)
"""Seconds of the first release on a machine without other work, and to reach."""
COHORT_AIM = 4.0
FEW, MANY = 2, 10
"""Studies: what more of them add leaves out what a start takes."""
DEMO_FOLDER = {FIRST: "--keep", NOW: "--output"}
"""The option of `radtme demo` for its folder."""


def rows(rounds: int = 5) -> Iterator[Row]:
    """Measure both commands in turn with those of the first release."""
    with tempfile.TemporaryDirectory(prefix="radtme-first-") as name:
        folder = Path(name)
        unpack(folder / "code")
        environments = {FIRST: {**os.environ, "PYTHONPATH": str(folder / "code")}, NOW: {**os.environ}}
        demos: dict[str, list[float]] = {FIRST: [], NOW: []}
        rates: dict[str, list[float]] = {FIRST: [], NOW: []}
        for number in range(1, MANY + 1):
            study = folder / "studies" / str(number)
            study.mkdir(parents=True)
            write_study(study, (80, 224, 224), (1.6, 1.6, 2.0), seed=number)
        few = folder / "few"
        for number in range(1, FEW + 1):
            shutil.copytree(folder / "studies" / str(number), few / str(number), copy_function=os.link)
        for turn in range(rounds):
            for which, environment in environments.items():
                output = folder / f"{which}-{turn}"
                program = PROGRAMS[which]
                demos[which].append(_seconds([*program, "demo", DEMO_FOLDER[which], f"{output}-demo"], environment)[0])
                cpu = [
                    _seconds([*program, *_extraction(which, source, output / source.name)], environment)[1]
                    for source in (few, folder / "studies")
                ]
                rates[which].append(60 * (MANY - FEW) / (cpu[1] - cpu[0]))
        yield Row("radtme demo", median(demos[FIRST]), median(demos[NOW]), "s", DEMO[0] / DEMO[1], limit=DEMO[1])
        name = "studies a minute and core, radtme cohort extract"
        yield Row(name, median(rates[FIRST]), median(rates[NOW]), "/min", COHORT_AIM, is_rate=True)


def _extraction(which: str, source: Path, output: Path) -> list[str]:
    """Return the arguments that measure a cohort in one process; without control regions, which the first lacked."""
    if which == FIRST:
        return ["cohort", "extract", str(source), "--output", str(output), "--jobs", "1"]
    output.mkdir(parents=True)
    plan = output / "study.yaml"
    plan.write_text(f"output: study\nextract: {{folder: {source}, controls: no, jobs: 1}}\n")
    return ["cohort", "extract", str(plan)]


def _seconds(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds, and those of CPU with all that it starts."""
    began, cpu = time.monotonic(), _cpu_seconds()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return time.monotonic() - began, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
