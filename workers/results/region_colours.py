"""The colours of tumour and ring in every result, and the label of the ring."""

from model_store.signatures.profile import PROFILES, present_name
from workers.features.regions import Region
from workers.results.common_modules import Origin
from workers.results.tracking import REGION_NAMES
from workers.texts.wording import ENGLISH, Wording

COLOURS = {Region.TUMOUR: (255, 92, 51), Region.RING: (51, 194, 255)}
"""Red, green and blue, each from 0 to 255. Most colour-blind readers can distinguish orange from blue, and neither
colour occurs in a greyscale image."""


def ring_label(origin: Origin, say: Wording = ENGLISH) -> str:
    """Return the name of the ring with its thickness, such as ``Peritumoural ring 4 mm``."""
    profile = PROFILES.get(present_name(origin.signature.profile)) if origin.signature else None
    if profile is None:
        return say(REGION_NAMES[Region.RING])
    return f"{say(REGION_NAMES[Region.RING])} {profile.ring_inner_mm + profile.ring_outer_mm:g} mm"
