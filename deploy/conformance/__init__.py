"""What is told to the people who connect us: the DICOM Conformance Statement and the connection sheet."""
