"""Programs that write RT structure sets from masks: rt-utils in an environment of its own, and Debian's plastimatch."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from workers.images.volume import Grid

LOCKED = Path(__file__).resolve().parents[2] / "requirements" / "writers.txt"
RT_UTILS = """
import sys
import numpy
from rt_utils import RTStructBuilder
structures = RTStructBuilder.create_new(dicom_series_path=sys.argv[1])
structures.add_roi(mask=numpy.load(sys.argv[2]), name="Tumor")
structures.save(sys.argv[3])
"""


def rt_utils_environment(folder: Path) -> Path:
    """Return the Python that has rt-utils; installed once into ``folder``. Skips where packages cannot be installed."""
    python, done = folder / "bin" / "python", folder / f"writers-{LOCKED.stat().st_mtime_ns}"
    if not done.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        shutil.rmtree(folder, ignore_errors=True)
        install = [
            "pip",
            "install",
            "--quiet",
            "--python",
            str(python),
            "--no-deps",
            "--require-hashes",
            "-r",
            str(LOCKED),
        ]
        for words in (["venv", "--quiet", "--python", sys.executable, str(folder)], install):
            made = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
            if made.returncode:
                pytest.skip(f"rt-utils cannot be installed here: {made.stderr.strip().splitlines()[-1]}")
        done.touch()
    return python


def write_with_rt_utils(python: Path, folder: Path, images: Path, mask: NDArray[np.bool_], grid: Grid) -> Path:
    """Write a mask (z, y, x) as a structure set on the images of one phase; rt-utils orders the slices itself."""
    del grid
    np.save(folder / "mask.npy", np.moveaxis(mask, 0, -1))
    words = [str(images), str(folder / "mask.npy"), str(folder / "rs.dcm")]
    subprocess.run([str(python), "-c", RT_UTILS, *words], check=True, capture_output=True)
    return folder / "rs.dcm"


def write_with_plastimatch(folder: Path, images: Path, mask: NDArray[np.bool_], grid: Grid) -> Path:
    """Write the same with plastimatch, which joins holes to their contour, and refers to every image as CT."""
    if shutil.which("plastimatch") is None:
        pytest.skip("needs plastimatch (Debian package)")
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetOrigin(grid.origin_mm)
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(grid.direction.ravel().tolist())
    sitk.WriteImage(image, str(folder / "mask.nii.gz"))
    words = ["--input-ss-img", folder / "mask.nii.gz", "--referenced-ct", images, "--output-dicom", folder / "written"]
    subprocess.run(["plastimatch", "convert", *map(str, words)], check=True, capture_output=True)
    [found] = (folder / "written").glob("*.dcm")
    return found
