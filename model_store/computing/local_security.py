"""TLS between the processes of a local Dask cluster. Imports distributed, which takes half a second."""

import ssl
from typing import Any

from distributed import Security


class LocalSecurity(Security):
    """Takes the end of a connection without TLS's ``close_notify`` for its end: so Dask closes all of its connections.

    With OpenSSL 3.5 and Python 3.13.5 (Debian 13), the alert that answers such an end fails, and its error stays in
    OpenSSL's queue, where the next read of the thread takes it for its own: connections break that nobody closed
    (CPython issue 148594). A message that is cut off is found all the same: Dask sends the length of each before it.
    """

    def get_connection_args(self, role: str) -> dict[str, Any]:
        """Return the arguments for connecting as this role."""
        return _lenient(super().get_connection_args(role))  # type: ignore[no-untyped-call]

    def get_listen_args(self, role: str) -> dict[str, Any]:
        """Return the arguments for listening as this role."""
        return _lenient(super().get_listen_args(role))  # type: ignore[no-untyped-call]


def _lenient(arguments: dict[str, Any]) -> dict[str, Any]:
    context: ssl.SSLContext = arguments["ssl_context"]
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return arguments
