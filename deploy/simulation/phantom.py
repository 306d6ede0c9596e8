"""A generated breast DCE-MRI study: what the demo sends, tests read and the research signature learns from.

The same specification gives the same voxels, the same UIDs and the same bytes.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deploy.simulation.anatomy import TUMOUR, PhantomGrid, grow_breast
from deploy.simulation.phantom_dicom import write_images, write_segmentation
from deploy.simulation.tumour import TumourTraits, draw_traits, grow_tumour
from workers.features.smooth_noise import FloatArray, smooth_noise

INFLAMMATION_OF = {"inflamed": 0.75, "desert": 0.25}
INFLAMMATION_SPREAD = 0.18
"""Standard deviation inside a class: the classes overlap, as they do in patients."""


@dataclass(frozen=True)
class PhantomSpec:
    """Everything that determines the images of a phantom."""

    seed: int
    immune: str | float = "inflamed"
    """``inflamed``, ``desert``, or the inflammation itself from 0 to 1."""
    slices: int = 64
    rows: int = 192
    columns: int = 192
    spacing_mm: tuple[float, float, float] = (1.6, 0.8, 0.8)
    """Between slices, rows and columns."""
    phases: int = 3
    """The first one is before contrast; a single one is the first after contrast."""
    tumour_diameter_mm: float | None = None
    """None draws one between 16 and 36 mm."""
    noise: float = 9.0
    """Standard deviation of the scanner's noise in each of the two channels; muscle is about 190."""
    separate_series: bool = False
    """One series per phase instead of one for all."""
    temporal_positions: bool = False
    """Write TemporalPositionIdentifier, which makes some viewers hide a SEG on a series with several phases."""

    @property
    def seconds_after_contrast(self) -> tuple[float, ...]:
        """When each phase was taken; 0 is before contrast."""
        return tuple(90.0 * phase for phase in range(self.phases)) if self.phases > 1 else (90.0,)

    @property
    def outlined_phase(self) -> int:
        """Index of the phase that the tumour is outlined on: the first after contrast."""
        return min(1, self.phases - 1)


@dataclass(frozen=True)
class PhantomImages:
    """The voxels of a phantom, and the truth about it."""

    spec: PhantomSpec
    phases: tuple[NDArray[np.uint16], ...]
    """Each ``z, y, x``: slices towards the patient's right, rows towards the feet, columns towards the back."""
    tumour: NDArray[np.bool_]
    inflammation: float
    traits: TumourTraits


@dataclass(frozen=True)
class Phantom:
    """A written phantom study."""

    study_uid: str
    series_uids: tuple[str, ...]
    image_paths: tuple[tuple[Path, ...], ...]
    """By phase."""
    seg_path: Path
    images: PhantomImages

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files of the study, the SEG last."""
        return (*(path for phase in self.image_paths for path in phase), self.seg_path)


def simulate(spec: PhantomSpec, only_phase: int | None = None) -> PhantomImages:
    """Return the voxels of a phantom; ``only_phase`` leaves the others out, which saves their time."""
    rng = np.random.default_rng(spec.seed)
    grid = PhantomGrid((spec.slices, spec.rows, spec.columns), spec.spacing_mm)
    inflammation = _inflammation(rng, spec.immune)
    traits = draw_traits(rng, inflammation)
    # Drawn even when given, so that the rest of the phantom stays the same.
    drawn_mm = float(rng.uniform(16.0, 36.0))
    anatomy = grow_breast(rng, grid)
    diameter_mm = drawn_mm if spec.tumour_diameter_mm is None else spec.tumour_diameter_mm
    tumour = grow_tumour(rng, grid, anatomy, diameter_mm, traits)
    texture = 1 + 0.04 * smooth_noise(rng, grid.shape, grid.spacing_mm, 2.5)
    coil = 1 + 0.10 * smooth_noise(rng, grid.shape, grid.spacing_mm, 90.0)
    # A surface coil is most sensitive nearby.
    coil *= np.exp(-grid.axes_mm()[2] / np.float32(3.0 * grid.extent_mm[2]))
    scanner_seeds = rng.integers(2**63, size=spec.phases)
    phases = []
    for phase, seconds in enumerate(spec.seconds_after_contrast):
        if only_phase is not None and phase != only_phase:
            continue
        signal = np.zeros(grid.shape, dtype=np.float32)
        for tissue, share in anatomy.shares:
            signal += share * np.float32(tissue.signal * (1 + tissue.enhancement(seconds)))
        signal += tumour.share * (np.float32(TUMOUR.signal) - signal)
        signal += tumour.uptake * np.float32(TUMOUR.signal * TUMOUR.enhancement(seconds))
        phases.append(_acquire(np.random.default_rng(scanner_seeds[phase]), signal * texture * coil, spec.noise))
    return PhantomImages(spec, tuple(phases), tumour.mask, inflammation, traits)


def _inflammation(rng: np.random.Generator, immune: str | float) -> float:
    """Return the inflammation, 0 to 1; a class is a distribution that overlaps with the other one's."""
    drawn = float(rng.standard_normal())
    if not isinstance(immune, str):
        return float(immune)
    if immune not in INFLAMMATION_OF:
        raise ValueError(f"immune must be one of {sorted(INFLAMMATION_OF)} or a number, not {immune!r}")
    return INFLAMMATION_OF[immune] + INFLAMMATION_SPREAD * drawn


def _acquire(rng: np.random.Generator, signal: FloatArray, noise: float) -> NDArray[np.uint16]:
    """Return what a scanner would store: blurred in plane, with Rician noise."""
    blurred = ndimage.gaussian_filter(signal, (0.0, 0.55, 0.55), truncate=3)
    real, imaginary = (noise * rng.standard_normal(signal.shape, dtype=np.float32) for _ in range(2))
    stored: NDArray[np.uint16] = np.clip(np.rint(np.hypot(blurred + real, imaginary)), 0, 4095).astype(np.uint16)
    return stored


def write_phantom(folder: Path, seed: int, **settings: object) -> Phantom:
    """Write a phantom study into a folder and return its paths.

    Images go to ``<folder>/images``, the outline to ``<folder>/seg.dcm``. ``settings`` are the fields of `PhantomSpec`.
    """
    return write_spec(folder, dataclasses.replace(PhantomSpec(seed), **settings))  # type: ignore[arg-type]


def write_spec(folder: Path, spec: PhantomSpec) -> Phantom:
    """Write the phantom that a specification describes, as `write_phantom` does."""
    images = simulate(spec)
    written = write_images(folder / "images", spec_key(spec), images.phases, spec)
    return Phantom(
        study_uid=written.study_uid,
        series_uids=written.series_uids,
        image_paths=written.paths,
        seg_path=write_segmentation(folder / "seg.dcm", spec_key(spec), written, images.tumour, spec.outlined_phase),
        images=images,
    )


def spec_key(spec: PhantomSpec) -> str:
    """Return the text that UIDs are derived from: other voxels never come under the same UIDs."""
    return repr(dataclasses.astuple(spec))
