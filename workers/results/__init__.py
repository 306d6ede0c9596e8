"""Shared parts of all result objects, the segmentation, and the key image."""
