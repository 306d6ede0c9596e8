"""The URL of an external Redis: redis-py and kombu read it alike, and it always checks the certificate.

kombu takes a ``rediss://`` without more to mean that no certificate is checked. So nothing is left to a default here:
each TLS parameter is written into the URL, and a URL that brings its own is refused.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from listener.settings import is_loopback
from listener.tls.certificates import CredentialFileError, check_key, check_validity, first_certificate, read_secret

EXPECTED_URL = "expected redis://[:password@]host:port/number or rediss://..."


@dataclass(frozen=True)
class RedisSettings:
    """The broker of messages to the workers. It holds nothing that cannot be rebuilt from the spool."""

    embedded: bool = True
    """Start an embedded Redis with `radtme up`, on a free loopback port and with a random password."""
    url: str | None = field(default=None, repr=False)
    """Of an external Redis; its presence turns the embedded one off. May hold a password: never shown."""
    url_file: Path | None = None
    """A file that holds the URL, for its owner only."""
    username: str | None = None
    """The ACL user, where the URL does not name one."""
    password_file: Path | None = None
    """A file that holds the password, for its owner only."""
    ca: Path | None = None
    """Whose certificates are accepted with ``rediss://``; without it, those that this machine trusts."""
    certificate: Path | None = None
    """Our client certificate, where Redis requires one; PEM, like the key, which must have no password."""
    key: Path | None = None
    check_hostname: bool = True

    @property
    def is_external(self) -> bool:
        """Whether an external Redis is configured."""
        return bool(self.url or self.url_file)


class RedisProblem(ValueError):
    """The settings of an external Redis cannot be used; ``setting`` names the one to change. Holds no secret."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting


def redis_url(settings: RedisSettings) -> str | None:
    """Return the URL that every client uses, password and TLS parameters in it; None where no Redis is named.

    Raises
    ------
    RedisProblem
        If a file cannot be read, two settings contradict each other, or a certificate would not be checked.
    """
    if not settings.is_external:
        _check_alone(settings)
        return None
    if settings.url and settings.url_file:
        raise RedisProblem("redis.url_file", "redis.url is also set; remove one of the two")
    setting = "redis.url" if settings.url else "redis.url_file"
    parts = redis_parts(settings.url or _secret(settings.url_file, setting))
    if parts is None:
        raise RedisProblem(setting, f"{EXPECTED_URL}, found something else")
    _check_query(setting, parts.query)
    secured = parts._replace(netloc=_netloc(settings, parts.username, parts.password, parts.netloc))
    if parts.scheme == "rediss":
        return urlunsplit(secured._replace(query="&".join(filter(None, [parts.query, urlencode(_tls(settings))]))))
    for name, value in (("ca", settings.ca), ("certificate", settings.certificate), ("key", settings.key)):
        if value is not None:
            raise RedisProblem(f"redis.{name}", f"TLS needs {setting} to begin with rediss://")
    return urlunsplit(secured)


def _check_query(setting: str, query: str) -> None:
    """Check that a query has nothing that kombu and redis-py would read differently, and no visible password."""
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if name.startswith("ssl"):
            raise RedisProblem(
                setting, f"{name} is not allowed in the URL: certificates are always verified; set redis.ca"
            )
        if name in ("username", "password"):
            raise RedisProblem(
                setting, f"{name} is not allowed as a URL parameter; set redis.username and redis.password_file"
            )


def redis_parts(url: str) -> SplitResult | None:
    """Return the parts of the URL of a Redis; None where it is not a URL. An error of urllib may quote it."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0:
            return parts
    return None


def _check_alone(settings: RedisSettings) -> None:
    for name in ("username", "password_file", "ca", "certificate", "key"):
        if getattr(settings, name) is not None:
            raise RedisProblem(f"redis.{name}", "requires an external Redis: set redis.url or redis.url_file")


def unencrypted_password(url: str) -> Iterator[str]:
    """Yield a warning where messages, and a password, would cross the network unencrypted."""
    parts = urlsplit(url)
    if parts.scheme == "redis" and not is_loopback(parts.hostname or ""):
        what = "the password goes" if parts.password else "messages go, without a password,"
        yield f"redis: {what} to {parts.hostname} in the clear; use rediss://"


def _netloc(settings: RedisSettings, username: str | None, password: str | None, netloc: str) -> str:
    if settings.username and username:
        raise RedisProblem("redis.username", "the URL also contains a user; remove one of the two")
    if settings.password_file and password:
        raise RedisProblem("redis.password_file", "the URL also contains a password; remove one of the two")
    if not settings.username and not settings.password_file:
        return netloc
    user = quote(settings.username, safe="") if settings.username else username or ""
    if settings.password_file:
        password = quote(_secret(settings.password_file, "redis.password_file"), safe="")
    return f"{user}:{password or ''}@{netloc.rpartition('@')[2]}"


def _tls(settings: RedisSettings) -> dict[str, str]:
    """Return the parameters that both libraries take from a URL."""
    if not settings.check_hostname and settings.ca is None:
        raise RedisProblem("redis.check_hostname", "without it, any valid certificate would be accepted; set redis.ca")
    if (settings.certificate is None) != (settings.key is None):
        raise RedisProblem("redis.certificate", "a certificate needs its key, and a key its certificate")
    parameters = {"ssl_cert_reqs": "required", "ssl_check_hostname": str(settings.check_hostname).lower()}
    if settings.ca is not None:
        parameters["ssl_ca_certs"] = str(settings.ca)
    if settings.certificate is not None and settings.key is not None:
        parameters |= {"ssl_certfile": str(settings.certificate), "ssl_keyfile": str(settings.key)}
    return parameters


def check_files(settings: RedisSettings) -> None:
    """Check the certificate files of an external Redis.

    Raises
    ------
    CredentialFileError
        If one cannot be used.
    """
    if settings.ca is not None:
        first_certificate(settings.ca)
    if settings.certificate is not None and settings.key is not None:
        check_validity(settings.certificate, first_certificate(settings.certificate))
        check_key(settings.key, None, settings.certificate)


def _secret(file: Path | None, setting: str) -> str:
    try:
        return read_secret(file) if file else ""
    except CredentialFileError as error:
        raise RedisProblem(setting, str(error)) from error
