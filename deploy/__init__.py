"""Where it all is put together: the ``radtme`` command, the one-machine stack, the phantom."""
