"""DICOM data sets as bytes: Part 10 files, UIDs, SOP classes, limits."""
