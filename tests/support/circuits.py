"""Changes of a target's circuit, for tests of what the ledger does with them."""

from listener.ledger.target_circuits import Circuit

TEXT = "x" * 2000
"""So that a thousand rows fill a small disk."""


def one_failure_more(circuit: Circuit) -> Circuit:
    """Return a circuit with one failure more."""
    return Circuit(failures=circuit.failures + 1, last_error=TEXT)
