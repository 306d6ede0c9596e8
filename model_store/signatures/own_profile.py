"""A study's own feature profile, from a file: fields of `FeatureProfile`, or a parameter file of pyradiomics.

The profile's name ends with a hash of its values, so that a table that was measured with other values is recognised.
What cannot be done as the file asks is refused by name: it would give other features than the file promises.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from model_store.errors import StudyError
from model_store.json_records import as_json
from model_store.signatures.kinetics import LAST, Kinetics
from model_store.signatures.profile import (
    DEFAULT_PROFILE,
    HAN2024,
    PROFILES,
    FeatureProfile,
    FilterBank,
    Normalisation,
    present_name,
)

BASE = "based_on"
SIGMAS_AROUND = 6
MOST_TAPS = 20
"""Of a wavelet: ten voxels are kept around a region."""
NO_EFFECT = frozenset(
    {"label", "preCrop", "padDistance", "additionalInfo", "geometryTolerance", "correctMask", "verbose"}
)
"""Settings of pyradiomics that change no feature here."""
AS_THEY_ARE: Mapping[str, tuple[object, ...]] = {
    "removeOutliers": (None,),
    "interpolator": ("sitkBSpline", 3),
    "symmetricalGLCM": (True,),
    "distances": ([1],),
    "gldm_a": (0,),
    "weightingNorm": (None,),
    "voxelArrayShift": (0,),
    "force2D": (False,),
    "resegmentRange": (None,),
    "binCount": (None,),
}
"""Settings that can have one value only."""
PYRADIOMICS_SCALE = 1.0
"""Where a file does not state ``normalizeScale``; the other defaults of pyradiomics are those of `HAN2024`."""
CLASSES = {"shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"}


def read_own_profile(path: Path) -> FeatureProfile:
    """Return the profile that a YAML file describes.

    Raises
    ------
    StudyError
        The file cannot be read, has a field that does not exist, or asks for what cannot be done.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyError(f"{path} cannot be read as YAML: {type(error).__name__}") from error
    if not isinstance(content, Mapping):
        raise StudyError(f"{path}: expected fields of a profile, or a parameter file of pyradiomics")
    try:
        is_parameters = "imageType" in content or "setting" in content
        base, fields = _of_pyradiomics(content) if is_parameters else _of_fields(content)
        made = FeatureProfile.from_json({**as_json(base), **fields})
        _require_enough_around(made)
        stem = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "own"
        return dataclasses.replace(made, name=f"{stem}-{_digest(made)}")
    except ValueError as error:
        raise StudyError(f"{path}: {error}") from error
    except (AttributeError, TypeError) as error:
        raise StudyError(f"{path}: a value is of another kind than expected ({error})") from error


def _require_enough_around(profile: FeatureProfile) -> None:
    """Refuse filters that see further than the images that are kept around the tumour.

    Raises
    ------
    ValueError
        Naming the field.
    """
    if profile.filters is FilterBank.WAVELET_2D:
        import pywt  # of pyradiomics

        if profile.wavelet not in pywt.wavelist(kind="discrete"):
            raise ValueError(f"wavelet: {profile.wavelet!r} is no discrete wavelet of PyWavelets")
        if (taps := pywt.Wavelet(profile.wavelet).dec_len) > MOST_TAPS:
            raise ValueError(f"wavelet: {profile.wavelet} has {taps} taps, more than the {MOST_TAPS} that can be done")
    elif profile.normalisation is Normalisation.NEAR_TISSUE:
        widest = max(profile.log_sigmas_mm)
        if profile.reach_mm < SIGMAS_AROUND * widest:
            raise ValueError(
                f"reach_mm: expected at least {SIGMAS_AROUND * widest:g}, six times the widest sigma, found "
                f"{profile.reach_mm:g}"
            )


def _digest(profile: FeatureProfile) -> str:
    values = {name: value for name, value in as_json(profile).items() if name != "name"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


def _of_fields(content: Mapping[str, Any]) -> tuple[FeatureProfile, dict[str, Any]]:
    given = dict(content)
    base = present_name(str(given.pop(BASE, DEFAULT_PROFILE.name)))
    if base not in PROFILES:
        raise ValueError(f"{BASE}: expected one of {', '.join(sorted(PROFILES))}, found {base!r}")
    known = {field.name for field in dataclasses.fields(FeatureProfile)} - {"name"}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"{unknown[0]}: no field of a profile; expected {BASE}, {', '.join(sorted(known))}")
    fields = {name: _float_where(value) for name, value in given.items()}
    if "kinetics" in fields:
        fields["kinetics"] = _kinetics(fields["kinetics"])
    return PROFILES[base], fields


def _kinetics(given: Any) -> dict[str, Any]:
    """Return kinetics with its defaults: ``yes`` alone means them, and ``late: last`` the last phase."""
    if given is True:
        return as_json(Kinetics())
    if not isinstance(given, Mapping):
        raise ValueError(f"kinetics: expected yes, or early and late, numbers of phases, found {given!r}")
    return {**as_json(Kinetics()), **{name: None if value == LAST else value for name, value in given.items()}}


def _float_where(value: Any) -> Any:
    """Return numbers of a list as floats, as JSON of a profile has them."""
    return [float(one) if isinstance(one, int) else one for one in value] if isinstance(value, list) else value


def _of_pyradiomics(content: Mapping[str, Any]) -> tuple[FeatureProfile, dict[str, Any]]:
    settings, images = dict(content.get("setting") or {}), dict(content.get("imageType") or {})
    if unknown := sorted(set(content) - {"setting", "imageType", "featureClass"}):
        raise ValueError(f"{unknown[0]}: expected setting, imageType and featureClass")
    classes = content.get("featureClass")
    if classes is not None and (set(classes) != CLASSES or any(classes.values())):
        raise ValueError(
            f"featureClass: expected all features of {', '.join(sorted(CLASSES))}, or no featureClass: a region always "
            "has 479 features; leave some out with train.leave_out"
        )
    return HAN2024, {**_settings(settings), **_filters(images)}


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    if settings.pop("normalize", False) is not True:
        raise ValueError("setting normalize: expected true, because intensities are z-scores times normalizeScale")
    fields: dict[str, Any] = {}
    for name in NO_EFFECT & set(settings):
        del settings[name]
    for name, accepted in AS_THEY_ARE.items():
        if name in settings and settings.pop(name) not in accepted:
            raise ValueError(f"setting {name}: only {accepted[0]!r} can be done")
    if "binWidth" in settings:
        fields["bin_width"] = float(settings.pop("binWidth"))
    fields["intensity_scale"] = float(settings.pop("normalizeScale", PYRADIOMICS_SCALE))
    if (spacing := settings.pop("resampledPixelSpacing", None)) is None:
        raise ValueError("setting resampledPixelSpacing: expected cubic voxels, because images are always resampled")
    if len(set(spacing)) != 1 or not spacing[0] > 0:
        raise ValueError(f"setting resampledPixelSpacing: only cubic voxels can be done, found {spacing}")
    fields["spacing_mm"] = float(spacing[0])
    if settings:
        raise ValueError(f"setting {min(settings)}: cannot be done, or is unknown")
    return fields


def _filters(images: dict[str, Any]) -> dict[str, Any]:
    original = images.pop("Original", "missing")
    if original == "missing" or len(images) != 1 or not set(images) <= {"LoG", "Wavelet"}:
        raise ValueError("imageType: expected Original and one of LoG and Wavelet, which give five images")
    name, options = next(iter(images.items()))
    options = dict(options or {})
    if name == "LoG":
        sigmas = [float(sigma) for sigma in options.pop("sigma", ())]
        found: dict[str, Any] = {"filters": FilterBank.LAPLACIAN_OF_GAUSSIAN.value, "log_sigmas_mm": sigmas}
    else:
        if not options.pop("force2D", False) or options.pop("force2Ddimension", 0) != 0:
            raise ValueError("imageType Wavelet: expected force2D: true, whose four bands give five images")
        found = {"filters": FilterBank.WAVELET_2D.value, "wavelet": str(options.pop("wavelet", "coif1"))}
    if options:
        raise ValueError(f"imageType {name}: {min(options)} cannot be done")
    return found
