"""The DICOM Conformance Statement and the connection sheet, for those who connect radtme to a PACS."""
