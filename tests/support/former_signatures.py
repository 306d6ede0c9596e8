"""Signatures that former releases shipped."""

from pathlib import Path

_FORMATS = Path(__file__).parents[1] / "model_store" / "signatures"
SHIPPED_AS_FORMAT_2 = _FORMATS / "format_2" / "radtme-research-phantom-1.1.0-245c7fad5d88"
"""The research signature 1.1.0: 16 columns of the whole-image profile, no contract and no calibration."""
SHIPPED_BEFORE_REDRAWS = _FORMATS / "format_3" / "radtme-research-phantom-1.2.0-40fd7192f290"
"""The research signature 1.2.0: of the format of today, trained without redrawn outlines."""
