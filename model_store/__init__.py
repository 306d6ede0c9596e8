"""Signatures: feature profile, registry, training, validation, model card."""
