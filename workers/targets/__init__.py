"""Clients for targets: C-STORE, STOW-RS, C-FIND, C-ECHO, storage commitment."""
