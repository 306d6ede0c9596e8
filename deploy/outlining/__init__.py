"""From a mask of a research tool (NIfTI, NRRD, MHA) to a DICOM Segmentation on the images that it was drawn on."""
