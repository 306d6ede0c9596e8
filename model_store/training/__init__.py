"""Step ``train``: forests, nested cross-validation, the signature that comes of it."""
