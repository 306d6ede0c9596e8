"""C-ECHO: whether a target is there, at the price of one small association (PS3.4 annex A)."""

from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from workers.errors import TransientFailure
from workers.targets.association import associated
from workers.targets.target import Target


def contexts() -> list[PresentationContext]:
    """Return what is proposed."""
    return [build_context(Verification)]


def verify(target: Target, calling_ae_title: str) -> None:
    """Return when the target answers a C-ECHO.

    Any answer will do: a target that says "no" is awake.

    Raises
    ------
    TransientFailure
        If there is no association or no answer.
    AssociationRefused
        If the target rejects the association permanently.
    """
    with associated(target, calling_ae_title, contexts(), "no Verification") as association:
        try:
            answered = association.send_c_echo().get("Status") is not None
        except RuntimeError:  # the association ended before the request was out
            answered = False
    if not answered:
        raise TransientFailure(f"{target.ae_title}@{target.host}:{target.port} does not answer C-ECHO")
