"""One case has one set of values, however many threads the libraries of a machine would use."""

import os
import subprocess
import sys
from pathlib import Path

from deploy.simulation.phantom import write_phantom
from model_store.signatures.profile import PROFILES

MEASURE = """
import sys
from pathlib import Path
from model_store.signatures.profile import PROFILES
from workers.features.measurement import measure

images, seg = sorted(Path(sys.argv[1]).rglob("phase2_*.dcm")), Path(sys.argv[2])
for name, profile in PROFILES.items():
    for region in measure(images, seg, profile).regions:
        for feature, value in region.features.items():
            print(name, region.region, feature, value.hex())
"""
SIMULATE = """
import sys
from pathlib import Path
from deploy.simulation.phantom import PhantomSpec, simulate

print(hash(b"".join(phase.tobytes() for phase in simulate(PhantomSpec(seed=5)).phases)))
"""


def printed(script: str, threads: int, *arguments: Path) -> list[str]:
    """Return the lines that a script prints in a process whose libraries would use so many threads."""
    variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    run = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | variables | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.splitlines()


def test_measured_values_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    """All 958 features of each profile are the same to the last bit with one thread and with two."""
    phantom = write_phantom(tmp_path, 5)
    one, two = (printed(MEASURE, threads, tmp_path, phantom.seg_path) for threads in (1, 2))
    assert len(one) == len(PROFILES) * 958
    assert [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]] == []


def test_simulated_voxels_do_not_depend_on_the_number_of_threads() -> None:
    """The UIDs of a generated study come from its settings alone, so its voxels must, too."""
    assert printed(SIMULATE, 1) == printed(SIMULATE, 2)
