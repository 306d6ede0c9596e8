"""What a scoring worker loads before its first case: the case's memory is then its own."""

import subprocess
import sys
from pathlib import Path

from deploy.simulation.phantom import write_phantom
from support.broken_studies import SMALL

FIRST_CASE = """
import sys
from pathlib import Path
from highdicom._standard_utils import get_module_attribute_map
from workers.jobs import preloading
from workers.jobs.case import CaseInputs, examine, read_header
from workers.jobs.result_objects import build_results
from workers.results.encoding import encoded_file
from workers.limits import memory_limited
from workers.scoring.checked_registry import CheckedRegistry
from workers.stages import untimed

folder, seg_path, images = Path(sys.argv[1]), Path(sys.argv[2]), tuple(map(Path, sys.argv[3:]))
registry = CheckedRegistry(folder / "store", folder)
registry.ensure_shipped()
preloading.load_libraries()
preloading.warm_up(registry)
table = get_module_attribute_map()
read = set(table.read)
with memory_limited(24 << 20):
    case = examine(CaseInputs(seg_path, images, None), registry.active(), untimed)
    objects = build_results(case.result, read_header(seg_path), case.measurement)
    for dataset in objects.values():
        encoded_file(dataset)
assert case.result.score is not None, case.result.rejection
assert set(table.read) == read, set(table.read) - read
assert 30 < len(read) < 50 < len(table), len(read)
print(*objects)
"""


def test_the_first_case_of_a_process_takes_memory_for_itself_alone(tmp_path: Path) -> None:
    """A study of 0.4 MB is scored and reported within 24 MiB by a process that has scored nothing before.

    64 MiB is the least limit that can be set; highdicom's tables, read at the first object, would take 66 of them. The
    case reads none of their Modules: all that its objects need was read before the fork, for all processes.
    """
    phantom = write_phantom(tmp_path / "study", 7, **{**SMALL, "phases": 1})
    images = [str(path) for path in phantom.paths if path != phantom.seg_path]
    command = [sys.executable, "-c", FIRST_CASE, str(tmp_path), str(phantom.seg_path), *images]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["segmentation", "key_image", "feature_report", "summary_report"]
