"""The status page as a real process whose data folder is mounted read-only, as in the compose file."""

import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from listener.ledger import database
from listener.ledger.set_aside_outlines import SetAside, set_aside
from listener.spool.spool import Spool
from support.installation import RADTME
from support.processes import free_port, running

OWN_MOUNTS = ["unshare", "--mount", "sh", "-c"]

pytestmark = pytest.mark.skipif(
    subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode != 0,
    reason="needs the right to make a mount namespace",
)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[int]:
    """Run the page in front of a prepared spool, on the port that is yielded."""
    data, port = tmp_path / "data", free_port()
    Spool(data / "spool").prepare()
    (tmp_path / "radtme.yaml").write_text(yaml.safe_dump({"data": str(data), "status_page": {"port": port}}))
    command = shlex.join([*RADTME, "status-page", "--config", str(tmp_path / "radtme.yaml")])
    folder = shlex.quote(str(data))
    mount = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} && ! touch {folder}/file"
    with running([*OWN_MOUNTS, f"{mount} && exec {command}"], tmp_path / "page.log", port):
        yield port


def shown(port: int) -> str:
    """Return the page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        body: str = answer.read().decode()
    return body


def stop_using(ledger: database.Ledger) -> None:
    """Close all connections to a ledger, as when the last part ends: SQLite removes the files of its WAL."""
    database._engines.pop(ledger.url).dispose()


def test_the_ledger_is_read_while_parts_use_it_and_while_none_does(page: int, tmp_path: Path) -> None:
    """Before the first use, during one and after it: always what was written last, and never a problem."""
    spool = Spool(tmp_path / "data" / "spool")
    assert "cannot be used" not in shown(page)
    for round_ in range(2):
        for step in range(2):
            number = 2 * round_ + step
            uids = ("1.2", "1.2.3", f"1.2.3.{number}")
            set_aside(spool.ledger, uids, SetAside.OTHER_BODY_PART, f"outline number {number}", "PACS")
            body = shown(page)
            assert "cannot be used" not in body
            assert f"outline number {number}" in body
        stop_using(spool.ledger)
        assert not list(spool.root.glob("ledger.sqlite-*"))
        body = shown(page)
        assert "cannot be used" not in body
        assert f"outline number {number}" in body
