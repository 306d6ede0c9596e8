"""The audit trail at a real syslog server: rsyslog over TLS, with both certificates checked."""

import shutil
from pathlib import Path

import pytest

from listener.audit.trail import audit_files
from listener.settings import AuditSettings, SyslogServer
from support.certificates import Authority
from support.dicom_objects import image
from support.listening import listening, store
from support.processes import free_port, running, wait_until

RSYSLOG = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
GNUTLS_DRIVER = list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so"))

CONFIGURATION = """
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
global(
  workDirectory="{folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{ca}"
  defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}"
)
template(name="whole" type="string" string="%pri%|%protocol-version%|%app-name%|%msgid%|%msg%\\n")
input(type="imtcp" port="{port}" address="127.0.0.1")
action(type="omfile" file="{received}" template="whole")
"""


@pytest.mark.skipif(
    not Path(RSYSLOG).exists() or not GNUTLS_DRIVER, reason="needs rsyslogd with TLS (rsyslog, rsyslog-gnutls)"
)
def test_rsyslog_gets_every_message_as_it_was_written(tmp_path: Path) -> None:
    """Header fields as rsyslog parses them, the XML byte for byte; messages from an outage arrive as well."""
    issued = Authority(tmp_path / "ca").issue("syslog")
    port, received = free_port(), tmp_path / "received"
    configuration = tmp_path / "rsyslog.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=tmp_path, ca=issued.ca, certificate=issued.certificate, key=issued.key, port=port, received=received
        )
    )
    audit = AuditSettings(tmp_path / "audit", syslog=SyslogServer("localhost", issued.client(), port))
    command = [RSYSLOG, "-n", "-f", str(configuration), "-i", str(tmp_path / "rsyslog.pid")]
    with listening(tmp_path / "spool", audit=audit) as listener:
        named = image(1)
        named.SpecificCharacterSet, named.PatientName = "ISO_IR 192", "Müller^Änne"
        assert store(listener.port, named) == [0]  # while no server is there
        with running(command, tmp_path / "rsyslog.log", port):
            assert store(listener.port, image(2)) == [0]
            wait_until(lambda: received.exists() and lines(received) >= 5, 180, "five messages at rsyslog")
    sent = [line for path in audit_files(audit.folder) for line in path.read_text().split("\n")[:-1]]
    got = received.read_text().split("\n")[:-1]
    assert [one.partition("|DICOM+RFC3881|")[0] for one in got] == ["85|1|radtme"] * len(got)
    bodies = [one.partition("|DICOM+RFC3881|")[2].lstrip("\ufeff") for one in got]
    assert bodies == [one.partition("\ufeff")[2] for one in sent[: len(bodies)]]
    assert any("Müller^Änne" in one for one in bodies)


def lines(path: Path) -> int:
    """Return how many whole lines a file has."""
    return path.read_bytes().count(b"\n")
