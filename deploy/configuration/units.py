"""Numbers with a unit: ``6h`` for a setting in seconds or days, ``2GiB`` for one in bytes."""

import re

SECOND, DAY = 1, 86400
TIME_UNITS = {"s": SECOND, "min": 60, "m": 60, "h": 3600, "d": DAY, "day": DAY, "days": DAY}
SIZE_UNITS = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", start=1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def in_unit_of(setting: str, text: str) -> int | float | None:
    """Return a number with a unit in the unit that the setting's name ends with; None where it is no such number."""
    match = _QUANTITY.fullmatch(text.strip())
    units, own = _units_of(setting)
    if match is None or match[2] not in units:
        return None
    value = float(match[1]) * units[match[2]] / own
    return int(value) if value.is_integer() else value


def expected_unit(setting: str) -> str:
    """Return what else than a plain number a setting takes, for error messages; empty where nothing."""
    if setting.endswith("_bytes"):
        return ", or a size such as 2GiB"
    if setting.endswith(("_seconds", "_days")):
        return ", or a time such as 90s, 10min, 6h or 2d"
    return ""


def pattern_with_unit(setting: str) -> str | None:
    """Return the pattern (JSON Schema) of a number with a unit of this setting; None where it takes none."""
    units, _ = _units_of(setting)
    return rf"^\s*\d+(\.\d+)?\s*({'|'.join(units)})\s*$" if units else None


def _units_of(setting: str) -> tuple[dict[str, int], int]:
    if setting.endswith("_bytes"):
        return SIZE_UNITS, 1
    if setting.endswith(("_seconds", "_days")):
        return TIME_UNITS, DAY if setting.endswith("_days") else SECOND
    return {}, 1
