"""Prometheus metrics of the workers."""
