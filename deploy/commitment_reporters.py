"""Who may report to the listener on storage commitment: the targets that are asked for it."""

import ipaddress
from collections.abc import Iterable

from listener.settings import AllowedPeer
from workers.targets.target import Target


def reporters(targets: Iterable[Target]) -> tuple[AllowedPeer, ...]:
    """Return the targets that are asked, each from its own address where the configuration names it by one."""
    asked = (target for target in targets if target.proof.needs_commitment)
    return tuple(AllowedPeer(one.ae_title, (one.host,) if _is_address(one.host) else ()) for one in asked)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
