"""The tumour outline: its segments, the images it was drawn on, phase selection, region of interest."""
