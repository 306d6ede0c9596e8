"""The ``radtme`` command, the one-machine stack, simulated data, dashboards and everything else around the service."""
