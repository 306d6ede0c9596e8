"""Prometheus metrics of the listener."""
