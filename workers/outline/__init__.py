"""The tumour outline: segments, source images, phase selection, region of interest."""
