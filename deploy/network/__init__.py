"""C-ECHO, probing and sending as a command runs them."""
