"""What the status and its page say about the machine: certificates and file descriptors."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.service_health import read_health
from deploy.status_page.overview import Pages
from listener.runtime import heartbeat
from listener.spool.spool import Spool
from support.certificates import DAY, Authority
from support.signs_of_life import signs_of_life


def test_a_process_without_file_descriptors_is_said_once_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process may do the work of several parts."""
    monkeypatch.setattr(heartbeat, "FEW_DESCRIPTORS", 1 << 62)
    spool = Spool(tmp_path / "spool")
    with signs_of_life(spool):
        (said,) = read_health(spool, 0, None).problems
    assert re.match(r"Listener and compute and delivery \(process \d+ on .*\) has only \d+ file descriptors left", said)
    assert "raise the limit (ulimit -n, LimitNOFILE of the service)" in said


def test_certificates_that_expired_or_soon_will_are_said(tmp_path: Path) -> None:
    """By the setting and file, on the page as well; one that lasts says nothing, one that is missing says why."""
    authority = Authority(tmp_path)

    def certificate(name: str, days: float) -> Path:
        return authority.issue(name, starts=-9 * DAY, ends=timedelta(days=days)).certificate

    files = {
        "listener.tls": certificate("listener", -3.1),
        "workers.targets pacs": certificate("pacs", 10.1),
        "redis": certificate("redis", 90),
        "sink.tls": tmp_path / "none.pem",
    }
    spool = Spool(tmp_path / "spool")
    with signs_of_life(spool):
        problems = read_health(spool, 0, None, files).problems
    pages = Pages(spool, tmp_path / "none", (), 0, StatusPageSettings(), certificates=files)
    assert [one for one in pages.overview().problems if "certificate" in one] == problems
    expired, soon, missing = problems
    assert re.match(
        r"The certificate of listener\.tls \(.*listener\.pem\) expired 3 d.* ago: peers .*; renew it\.", expired
    )
    assert re.match(r"The certificate of workers\.targets pacs \(.*pacs\.pem\) expires in 10 d.*; renew it\.", soon)
    assert "sink.tls cannot be used" in missing
    assert "there is no such file" in missing
