"""Fuzzing of what parses foreign bytes; the same targets for atheris and for a short run in the tests."""
