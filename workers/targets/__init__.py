"""How a target is spoken to: C-STORE, STOW-RS, C-FIND, C-ECHO, storage commitment."""
