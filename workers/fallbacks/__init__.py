"""Plainer documents (text pages, PDF) for targets that refuse an SR or SEG."""
