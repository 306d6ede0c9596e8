"""A whole case that both engines measure, as one case in 50 is in production."""

from pathlib import Path

import pytest

from model_store.signatures.profile import DEFAULT_PROFILE, HAN2024_WAVELET2D, FeatureProfile
from workers.errors import EnginesDiffer
from workers.features.canary import canary_case
from workers.features.engine import compiled
from workers.features.engine.choice import Engine, EngineChoice
from workers.features.measurement import measure, measure_volume

BOTH = EngineChoice(is_checked=True)


@pytest.mark.parametrize("profile", [DEFAULT_PROFILE, HAN2024_WAVELET2D], ids=lambda profile: profile.name)
def test_br06(br06: Path, profile: FeatureProfile) -> None:
    """All 958 features of a real tumour of 36 mL and its ring, on the original and four filtered images."""
    images = sorted((br06 / "dce").glob("*.dcm"))
    found = measure(images, br06 / "tumour_seg" / "seg.dcm", profile, engine=BOTH)
    assert sum(len(region.features) for region in found.regions) == 958
    assert found.engine == Engine.RADTME.description


def test_a_difference_names_feature_region_and_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the person on call needs in order to report it."""
    shape = compiled._engine.shape
    monkeypatch.setattr(compiled._engine, "shape", lambda *arguments: [1.5, *shape(*arguments)[1:]])
    with pytest.raises(
        EnginesDiffer, match=r"1 of 479 features of the tumour .* original_shape_Elongation is 1\.5 and 0"
    ):
        measure_volume(*canary_case(), DEFAULT_PROFILE, engine=BOTH)
