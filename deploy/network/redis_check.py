"""Whether Redis can be used, in words: what is wrong and what to do. Never holds the password."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as NoAnswer
from redis.retry import Retry

from listener.broker.messages import PROBE_KEY, PROBE_MILLISECONDS

ASK_SECONDS = 3.0
PASSWORD_ADVICE = "set redis.password_file, and redis.username where Redis has users, to what Redis expects"  # noqa: S105 - advice


@dataclass(frozen=True)
class RedisFault:
    """Why Redis cannot be used."""

    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}"


def check_redis(url: str, timeout_seconds: float = ASK_SECONDS) -> RedisFault | None:
    """Ask Redis with the password and certificates that every part uses; None where it answers and takes messages."""
    where = _where(url)
    try:
        with Redis.from_url(
            url,
            socket_connect_timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        ) as redis:
            redis.ping()
            redis.set(PROBE_KEY, "", px=PROBE_MILLISECONDS)
    except OutOfMemoryError:
        return RedisFault(f"Redis at {where} is full and takes no messages", "raise its maxmemory, or free its memory")
    except ReadOnlyError:
        return RedisFault(f"Redis at {where} is a replica and takes no messages", "name the primary in redis.url")
    except AuthenticationError:
        wrong = "refuses the password" if urlsplit(url).password else "needs a password, and none is configured"
        return RedisFault(f"Redis at {where} {wrong}", PASSWORD_ADVICE)
    except NoPermissionError:
        return RedisFault(f"Redis at {where} allows its user too little", "give the user the documented ACL rules")
    except NoAnswer:
        return RedisFault(f"Redis at {where} does not answer within {timeout_seconds:g} s", "restart it")
    except ResponseError as error:
        return _response_fault(where, str(error))
    except (RedisError, OSError) as error:
        return _connection_fault(where, error)
    return None


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}"


def _response_fault(where: str, answer: str) -> RedisFault:
    if "NOAUTH" in answer or "WRONGPASS" in answer or "without any password" in answer:
        return RedisFault(f"Redis at {where} refuses the password", PASSWORD_ADVICE)
    if answer.startswith("MISCONF"):
        words = f"Redis at {where} cannot save to its disk and takes no messages"
        return RedisFault(words, "free space on the disk of Redis; its log says what failed")
    return RedisFault(f"Redis at {where} answers: {answer}", "see the log of Redis")


def _connection_fault(where: str, error: BaseException) -> RedisFault:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in causes):
        return RedisFault(f"Redis at {where} shows a certificate that is not trusted", "set redis.ca to its CA")
    if any(isinstance(one, ssl.SSLError) for one in causes):
        return RedisFault(
            f"Redis at {where} does not agree on TLS", "check rediss:// in redis.url, and our certificate and key"
        )
    if any(isinstance(one, OSError) and "Name or service" in str(one) for one in causes):
        return RedisFault(f"the host of Redis ({where}) has no address", "correct redis.url")
    return RedisFault(f"no Redis answers at {where}", "start it, or correct redis.url")
