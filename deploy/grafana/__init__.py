"""Grafana: dashboards made from code, so that a renamed metric fails a test, and how they are provisioned."""
