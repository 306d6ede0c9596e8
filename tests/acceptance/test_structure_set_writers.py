"""RT structure sets that other programs write, through the real listener and a worker: the volume that was drawn."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.network.dicom_files import DicomFile, read_all
from deploy.network.peer import Peer
from deploy.network.send import send_files
from deploy.simulation.phantom import Phantom, write_phantom
from listener.listener import Listener
from listener.settings import DeadlinePolicy, RetrieveSource
from listener.spool.jobs import JobState
from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import Registry, shipped_bundle
from support.contour_writers import rt_utils_environment, write_with_plastimatch, write_with_rt_utils
from support.installation import send
from support.listening import listening
from support.pacs import orthanc
from support.processes import free_port, wait_until
from workers.features.case_input import read_case
from workers.images.volume import Grid
from workers.jobs.score_job import run
from workers.results.result_record import ResultRecord, read_result
from workers.settings import WorkerSettings

pytestmark = pytest.mark.acceptance

SMALL = {"slices": 34, "rows": 96, "columns": 96, "spacing_mm": (2.0, 1.6, 1.6), "tumour_diameter_mm": 26.0}
PROFILE = load_bundle(shipped_bundle()).profile
OUTER_MM, INNER_MM = (13.0, 12.0, 14.0), 5.0
"""Semi-axes of an ellipsoid along z, y and x, and the radius of the ball that is left out of it."""

Write = Callable[[Path, Path, NDArray[np.bool_], Grid], Path]
Score = Callable[[list[Path]], ResultRecord]


@pytest.fixture(scope="module")
def write(request: pytest.FixtureRequest) -> Write:
    """Return the writer that a test names."""
    if request.param == "plastimatch":
        return write_with_plastimatch
    return partial(write_with_rt_utils, rt_utils_environment(Path(request.config.cache.mkdir("rt-utils"))))


@dataclass(frozen=True)
class Study:
    """A phantom of three phases, a series each, on the grid of its second one."""

    phantom: Phantom
    folder: Path
    """Holds the images of the second phase alone."""
    grid: Grid
    tumour: NDArray[np.bool_]

    @property
    def images(self) -> list[Path]:
        """Images of all phases."""
        return [image for phase in self.phantom.image_paths for image in phase]

    def hollow(self) -> NDArray[np.bool_]:
        """Return an ellipsoid around the tumour with a ball left out of its middle."""
        centre = np.argwhere(self.tumour).mean(axis=0)
        away = (np.indices(self.tumour.shape).reshape(3, -1).T - centre) * self.grid.spacing_zyx
        inside = (np.square(away / OUTER_MM).sum(axis=1) <= 1) & (np.square(away).sum(axis=1) > INNER_MM**2)
        return inside.reshape(self.tumour.shape)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return the study on disk."""
    folder = tmp_path_factory.mktemp("study")
    phantom = write_phantom(folder, 7, separate_series=True, **SMALL)
    (folder / "phase2").mkdir()
    for image in phantom.image_paths[1]:
        (folder / "phase2" / image.name).symlink_to(image)
    images = [image for phase in phantom.image_paths for image in phase]
    volume, roi, _ = read_case(images, phantom.seg_path, PROFILE)
    return Study(phantom, folder / "phase2", volume.grid, roi.tumour)


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Score]:
    """Send files to a running listener, process their job, and return its result."""
    folder = tmp_path_factory.mktemp("service")
    registry = Registry(folder / "signatures")
    registry.ensure_shipped()
    with listening(folder / "spool") as listener:
        yield partial(_score, listener, registry)


def _score(listener: Listener, registry: Registry, paths: list[Path]) -> ResultRecord:
    files = [file for file in read_all(paths) if isinstance(file, DicomFile)]
    send_files(Peer("RADTME", "127.0.0.1", listener.port), "TPS", files, timeout_seconds=30)
    wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 20, "the job being ready")
    [job] = listener.spool.jobs(JobState.READY)
    running = listener.spool.move(job, JobState.RUNNING)
    assert running is not None
    run(listener.spool, running, registry, WorkerSettings(listener.spool.root, registry.root))
    done = listener.spool.find_job(job.id)
    assert done is not None
    result = read_result(done)
    assert result is not None
    return result


@pytest.fixture(scope="module")
def segmentation(study: Study, score: Score) -> ResultRecord:
    """Return the result of the study's own SEG."""
    return score([*study.images, study.phantom.seg_path])


@pytest.mark.parametrize("write", ["rt-utils", "plastimatch"], indirect=True)
def test_contours_give_the_score_of_the_segmentation(
    study: Study, score: Score, segmentation: ResultRecord, write: Write, tmp_path: Path
) -> None:
    """The same tumour as a SEG and as contours: the same regions, the same score."""
    found = score([write(tmp_path, study.folder, study.tumour, study.grid)])
    assert found.score is not None
    assert segmentation.score is not None
    assert found.score.hot_probability == segmentation.score.hot_probability
    assert [one.voxels for one in found.regions] == [one.voxels for one in segmentation.regions]


@pytest.mark.parametrize("write", ["rt-utils", "plastimatch"], indirect=True)
def test_a_hole_is_no_part_of_the_tumour(study: Study, score: Score, write: Write, tmp_path: Path) -> None:
    """An ellipsoid without its middle: the mask that was drawn, voxel by voxel, and the volume of the formula."""
    hollow = study.hollow()
    path = write(tmp_path, study.folder, hollow, study.grid)
    _, roi, _ = read_case(study.images, path, PROFILE)
    assert np.array_equal(roi.tumour, hollow)
    result = score([*study.images, path])
    volume_ml = 4 / 3 * np.pi * (np.prod(OUTER_MM) - INNER_MM**3) / 1000
    assert result.regions[0].volume_ml == pytest.approx(volume_ml, rel=0.03)


@pytest.mark.skipif(shutil.which("Orthanc") is None, reason="needs Orthanc (Debian package orthanc)")
@pytest.mark.parametrize("write", ["plastimatch"], indirect=True)
def test_images_that_a_structure_set_calls_ct_are_fetched(study: Study, write: Write, tmp_path: Path) -> None:
    """Policy `fetch`: nothing but the structure set came, and a real PACS sends the images that it names, by C-MOVE."""
    path = write(tmp_path, study.folder, study.tumour, study.grid)
    port = free_port()
    modality = {"AET": "RADTME", "Host": "127.0.0.1", "Port": port}
    with orthanc(tmp_path / "pacs", DicomModalities={"radtme": modality}) as pacs:
        send(pacs.dicom_port, study.folder, ae_title=pacs.ae_title)
        with listening(
            tmp_path / "spool",
            port=port,
            deadline_seconds=10.0,  # again after the request: a busy PACS needs some seconds
            deadline_policy=DeadlinePolicy.FETCH,
            retrieve_from=RetrieveSource(pacs.ae_title, "127.0.0.1", pacs.dicom_port),
        ) as listener:
            send(port, path)
            wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 120, "the job being ready")
            [job] = listener.spool.jobs(JobState.READY)
    assert job.record.fetched is not None
    assert job.record.not_complete is None
    assert sum(map(len, (job.record.instances or {}).values())) == SMALL["slices"]
