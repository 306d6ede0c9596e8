"""The Storage, Verification and Storage Commitment SCP: from a TCP connection to an object on disk."""
