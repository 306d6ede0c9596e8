"""Texts for readers: language, wording, reasons, certainty, typeface; and the readable texts of received headers."""
