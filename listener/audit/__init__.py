"""DICOM PS3.15 audit messages: made, kept on disk, read back and forwarded to syslog."""
