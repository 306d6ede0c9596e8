"""C-ECHO: whether a target answers, at the cost of one small association (PS3.4 annex A)."""

from listener.scu.association import c_echo, verification_contexts
from workers.errors import TransientFailure
from workers.targets.association import associated
from workers.targets.target import Target


def verify(target: Target, calling_ae_title: str) -> None:
    """Return when the target answers a C-ECHO.

    Any response counts, whatever its status: the target is reachable.

    Raises
    ------
    TransientFailure
        If there is no association or no answer.
    AssociationRefused
        If the target rejects the association permanently.
    """
    with associated(target, calling_ae_title, verification_contexts(), "no Verification") as association:
        answered = c_echo(association) is not None
    if not answered:
        raise TransientFailure(f"{target.ae_title}@{target.host}:{target.port} does not answer C-ECHO")
