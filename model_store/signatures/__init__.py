"""Signature bundles: profile, estimator, canary, registry, shadow."""
