"""DICOM PS3.15 audit messages: created, stored on disk, read back and forwarded to syslog."""
