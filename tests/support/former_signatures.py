"""Signatures that former releases shipped."""

from pathlib import Path

SHIPPED_AS_FORMAT_2 = (
    Path(__file__).parents[1] / "model_store" / "signatures" / "format_2" / "radtme-research-phantom-1.1.0-245c7fad5d88"
)
"""The research signature 1.1.0: 16 columns of the whole-image profile, no contract and no calibration."""
