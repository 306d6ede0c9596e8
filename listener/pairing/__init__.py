"""Pairs outlines with the images that they refer to, and decides when a job is ready."""
