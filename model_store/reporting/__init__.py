"""Figures and documents that the study steps write."""
