"""Who alone gets the results of a self-test: values without the database, which not every command needs."""

from dataclasses import dataclass

SELF_TEST_TARGET = "selftest"
"""What the built-in sink is called in outboxes, logs and metrics; no target of a configuration may be called so."""


@dataclass(frozen=True)
class SinkAddress:
    """Where the command that runs a self-test takes its results itself."""

    ae_title: str
    host: str
    port: int


@dataclass(frozen=True)
class SelfTestRecipients:
    """Who alone gets the results of a self-test."""

    targets: tuple[str, ...] = ()
    """Names of targets of the configuration."""
    sink: SinkAddress | None = None
