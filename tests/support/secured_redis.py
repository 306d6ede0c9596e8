"""Debian's redis-server as a hospital would run it: TLS only, client certificates, one ACL user for the service."""

import contextlib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from support.certificates import Issued
from support.processes import free_port, running

USER, PASSWORD = "radtme", "Redis:p@ss/word%41"
ADMIN_PASSWORD = "admin-of-the-test"
DOCUMENTED = Path(__file__).parents[2] / "docs" / "configuration.md"


@dataclass(frozen=True)
class SecuredRedis:
    """Where it listens, and what its administrator sees."""

    port: int
    server: Issued

    def admin(self) -> Redis:
        """Return the administrator's client."""
        return Redis(
            port=self.port,
            username="admin",
            password=ADMIN_PASSWORD,
            ssl=True,
            ssl_ca_certs=str(self.server.ca),
            ssl_certfile=str(self.server.certificate),
            ssl_keyfile=str(self.server.key),
            decode_responses=True,
        )

    def refusals(self) -> set[str]:
        """Return what the ACL has refused: reason and object of each."""
        with self.admin() as admin:
            return {f"{entry['reason']}: {entry['object']}" for entry in admin.acl_log()}


def documented_acl() -> str:
    """Return the ACL line that the documentation gives, for our password."""
    found = re.search(r"^ *(user radtme on (?:.*\\\n)*.*)$", DOCUMENTED.read_text(), re.MULTILINE)
    assert found, "the documentation has no ACL line"
    line = " ".join(found[1].replace("\\\n", " ").split())
    return line.replace("#SHA256", f"#{hashlib.sha256(PASSWORD.encode()).hexdigest()}")


@contextlib.contextmanager
def secured_redis(folder: Path, server: Issued) -> Iterator[SecuredRedis]:
    """Run it for the block."""
    port = free_port()
    acl = folder / "users.acl"
    acl.write_text(f"user default off\nuser admin on >{ADMIN_PASSWORD} ~* &* +@all\n{documented_acl()}\n")
    command = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--tls-cert-file", str(server.certificate), "--tls-key-file", str(server.key)]
    command += ["--tls-ca-cert-file", str(server.ca), "--tls-auth-clients", "yes"]
    with running([*command, "--aclfile", str(acl), "--dir", str(folder)], folder / "redis.log", port):
        yield SecuredRedis(port, server)
