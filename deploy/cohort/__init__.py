"""Cohorts on disk or in a PACS: retrieve, index, extract, measure."""
