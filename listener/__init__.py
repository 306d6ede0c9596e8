"""Storage and Verification SCP: accept, keep, pair, announce. Never decodes a pixel."""
