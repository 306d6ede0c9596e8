"""Compares the features of a self-test, read back from the service's report, with those of the canary."""

from collections.abc import Mapping
from pathlib import Path

from pydicom import dcmread

from model_store.signatures.profile import PROFILES
from workers.features.canary import differing, expected_features
from workers.reports.feature_reader import column_keys, groups_of, numbers_of, region_of

NAMED = 3
"""Features that are named one by one; the rest is counted."""


def reported_features(path: Path, profile: str) -> dict[str, float]:
    """Return the features in a feature report, by column; those that a profile's canary has.

    The measurement method distinguishes the filtered images.
    """
    report = dcmread(path)
    expected = expected_features()[profile]
    keys = column_keys(PROFILES[profile])
    found = {
        f"{region_of(group)}_{keys[key]}": value
        for group in groups_of(report)
        for key, value in numbers_of(group)
        if key in keys
    }
    return {column: value for column, value in found.items() if column in expected}


def complaint(found: Mapping[str, float], profile: str) -> str | None:
    """Return a description of what differs from the canary; None where nothing does."""
    expected = expected_features()[profile]
    wrong = differing(found, expected)
    if not wrong:
        return None
    first = [f"{name} is {found.get(name, 'absent')}, expected {expected[name]}" for name in wrong[:NAMED]]
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    return f"{len(wrong)} of {len(expected)} features differ: {'; '.join(first)}{more}"


def has_canary(profile: str) -> bool:
    """Return whether the expected features of the case are known for this profile."""
    return profile in expected_features()
