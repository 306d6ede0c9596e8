"""An external Redis with TLS, client certificates and an ACL user, and all our processes on it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from deploy.configuration.load import load_configuration
from deploy.configuration.redis_url import RedisProblem, RedisSettings, redis_url
from listener.broker.announce_once import announce
from listener.broker.announcer import Announcer
from listener.broker.messages import score_announcement
from support.certificates import Authority, secret_file
from support.dicom_objects import image, outline, write
from support.installation import Installation, send
from support.processes import wait_until
from support.secured_redis import PASSWORD, USER, SecuredRedis, secured_redis


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return the hospital's authority."""
    return Authority(tmp_path / "ca")


def settings(tmp_path: Path, server: SecuredRedis, authority: Authority) -> RedisSettings:
    """Return the settings that the documentation shows."""
    ours = authority.issue("radtme")
    return RedisSettings(
        url=f"rediss://localhost:{server.port}/0",
        username=USER,
        password_file=secret_file(tmp_path / "redis.password", PASSWORD),
        ca=authority.ca,
        certificate=ours.certificate,
        key=ours.key,
    )


def reached_by_kombu(url: str) -> bool:
    """Return whether kombu can connect, as Celery does."""
    try:
        with Connection(url, transport_options={"socket_connect_timeout": 10, "socket_timeout": 10}) as connection:
            connection.ensure_connection(max_retries=1, timeout=20)
            return bool(connection.default_channel.client.ping())
    except (OperationalError, RedisError, OSError):
        return False


def reached_by_redis_py(url: str) -> bool:
    """Return whether redis-py can connect."""
    try:
        with Redis.from_url(url, socket_connect_timeout=10, socket_timeout=10) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


@pytest.mark.parametrize("reached", [reached_by_kombu, reached_by_redis_py])
def test_both_clients_check_the_certificate(
    tmp_path: Path, authority: Authority, reached: Callable[[str], bool]
) -> None:
    """Right CA and host: yes. Another CA, another host, the machine's own authorities, no client certificate: no."""
    with secured_redis(tmp_path, authority.issue("redis", hosts=("localhost",))) as server:
        good = settings(tmp_path, server, authority)
        url = redis_url(good)
        assert url is not None
        assert reached(url)
        foreign = Authority(tmp_path / "other")
        for wrong in (
            replace(good, ca=foreign.ca),
            replace(good, ca=None),
            replace(good, url=f"rediss://127.0.0.1:{server.port}/0"),
            replace(good, certificate=None, key=None),
            replace(good, url=f"redis://localhost:{server.port}/0", ca=None, certificate=None, key=None),
        ):
            refused = redis_url(wrong)
            assert refused is not None
            assert not reached(refused), wrong
        any_host = redis_url(replace(good, url=f"rediss://127.0.0.1:{server.port}/0", check_hostname=False))
        assert any_host is not None
        assert reached(any_host)


def test_an_unverified_tls_setup_cannot_be_written_down(tmp_path: Path) -> None:
    """No combination of settings gives TLS without verification, and no message repeats a password."""
    secret = secret_file(tmp_path / "secret", "s3cret")
    ca = tmp_path / "ca.pem"
    cases = [
        (RedisSettings(url="rediss://:s3cret@h:1/0?ssl_cert_reqs=none"), "redis.url", "always verified"),
        (RedisSettings(url="rediss://h:1/0?ssl_check_hostname=false"), "redis.url", "always verified"),
        (RedisSettings(url="rediss://h:1/0", check_hostname=False), "redis.check_hostname", "set redis.ca"),
        (RedisSettings(url="redis://h:1/0", ca=ca), "redis.ca", "rediss://"),
        (RedisSettings(url="rediss://h:1/0", ca=ca, key=ca), "redis.certificate", "needs its key"),
        (RedisSettings(url="http://:s3cret@h/"), "redis.url", "expected redis://"),
        (RedisSettings(url="redis://h:1/0?password=s3cret"), "redis.url", "password is not allowed"),
        (RedisSettings(url="redis://h:1/0?db=1&username=s3cret"), "redis.url", "username is not allowed"),
        (RedisSettings(url_file=secret), "redis.url_file", "expected redis://"),
        (RedisSettings(url="redis://:s3cret@h:1/0", password_file=secret), "redis.password_file", "remove one"),
        (RedisSettings(url="redis://a@h:1/0", username="b"), "redis.username", "remove one"),
        (RedisSettings(url="redis://h:1/0", url_file=secret), "redis.url_file", "remove one"),
        (RedisSettings(url="redis://h:1/0", password_file=tmp_path / "no"), "redis.password_file", "no such file"),
        (RedisSettings(password_file=secret), "redis.password_file", "external Redis"),
    ]
    for wrong, setting, words in cases:
        with pytest.raises(RedisProblem, match=words) as caught:
            redis_url(wrong)
        assert caught.value.setting == setting
        assert "s3cret" not in str(caught.value)
    assert redis_url(RedisSettings()) is None


def test_all_processes_live_with_the_documented_acl(tmp_path: Path, authority: Authority) -> None:
    """Listener, workers and `radtme retry` work with a user that has only the documented rights."""
    with secured_redis(tmp_path, authority.issue("redis")) as server, Installation(tmp_path / "one") as installation:
        ours = settings(tmp_path, server, authority)
        configuration = yaml.safe_load(installation.configuration.read_text())
        configuration["redis"] = {
            "url": f"rediss://localhost:{server.port}/0",
            **{name: str(getattr(ours, name)) for name in ("username", "password_file", "ca", "certificate", "key")},
        }
        installation.configuration.write_text(yaml.safe_dump(configuration))
        load_configuration(installation.configuration, {})
        installation.start("listen", "work")
        images = [image(number) for number in range(1, 5)]
        send(installation.dicom_port, write(tmp_path / "in", [*images, outline(range(1, 5))]))
        job = installation.wait_for_jobs(1, 120)[0]
        installation.radtme("retry", job.id)
        installation.wait_for_jobs(2, 120)
        assert PASSWORD not in installation.log("listen") + installation.log("work")
        installation.stop("listen", "work")
        assert server.refusals() == set()


def test_the_documented_acl_allows_what_a_crash_needs_and_nothing_else(tmp_path: Path, authority: Authority) -> None:
    """A dead worker's message returns to the queue; other keys, channels, scripts and administration are refused."""
    with secured_redis(tmp_path, authority.issue("redis")) as server:
        url = redis_url(settings(tmp_path, server, authority))
        assert url is not None
        announcer = Announcer(url)
        announcer.start()
        announcer.announce(score_announcement("job-1"))
        wait_until(lambda: announcer.depths() == {"compute": 1, "delivery": 0}, 30, "the announcement in its queue")
        announcer.stop()
        assert announce(url, [score_announcement("job-2")])
        app = Celery("test", broker=url, set_as_current=False)
        with app.connection_for_read() as connection:
            queue = connection.SimpleQueue("compute")
            taken = queue.get(timeout=20)
            queue.consumer.channel.qos.restore_by_tag(taken.delivery_tag)
            queue.consumer.channel.qos.restore_visible(num=10)
            queue.get(timeout=20).ack()
            queue.get(timeout=20).ack()
            queue.consumer.channel.qos.restore_unacked_once()
            queue.close()
        app.close()
        assert server.refusals() == set()
        with Redis.from_url(url) as client:
            for forbidden in (
                ("GET", "elsewhere"), ("KEYS", "*"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("EVAL", "return 1", "0"),
                ("PUBLISH", "x", "y"), ("SUBSCRIBE", "x"), ("ACL", "LIST"), ("SHUTDOWN",), ("INFO",),
            ):  # fmt: skip
                with pytest.raises(RedisError, match=r"(?i)noperm|no permissions"):
                    client.execute_command(*forbidden)
