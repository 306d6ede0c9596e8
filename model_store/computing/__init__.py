"""The processes that the long steps of a study run on."""
