"""docs/connecting.md: what it tells an administrator of Orthanc to write is given to Orthanc as it stands there."""

import json
import re
import shutil
from pathlib import Path

import pytest

from support.dicom_objects import image
from support.listening import listening, store
from support.pacs import orthanc
from support.processes import free_port, wait_until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("Orthanc") is None, reason="needs Orthanc (Debian package orthanc)"),
]
PAGE = (Path(__file__).parents[2] / "docs" / "connecting.md").read_text()
SECTION = PAGE.partition("\n## Orthanc\n")[2].partition("\n## ")[0]


def blocks() -> list[str]:
    """Return the indented blocks of the section."""
    return [
        found.replace("\n    ", "\n").strip()
        for found in re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", SECTION, re.MULTILINE)
    ]


def test_configuration_lua_script_and_rest_call_send_to_radtme(tmp_path: Path) -> None:
    """With the script, each object comes by itself; the call sends a study again, which is no error."""
    settings, script = (one for one in blocks() if "DicomModalities" in one or "OnStoredInstance" in one)
    configuration = json.loads("{" + settings + "}")
    port = free_port()
    configuration["DicomModalities"]["radtme"] |= {"Host": "127.0.0.1", "Port": port}
    configuration["DicomPort"] = free_port()
    (tmp_path / "route.lua").write_text(script)
    call = re.search(r"`POST (/modalities/\S+)`\s+with\s+`(\{.*?\})`", SECTION)
    assert call is not None
    with (
        listening(tmp_path / "spool", port=port, calling_ae_titles=("ORTHANC",)) as listener,
        orthanc(tmp_path / "pacs", LuaScripts=[str(tmp_path / "route.lua")], **configuration) as pacs,
    ):
        assert store(configuration["DicomPort"], image(1), image(2)) == [0x0000, 0x0000]
        stored = listener.spool.studies
        wait_until(lambda: len(list(stored.glob("*/*/*.dcm"))) == 2, 60, "both objects by the Lua script")
        (study,) = json.loads(pacs.get("/studies", "application/json"))
        answer = pacs.post(call[1], json.loads(call[2].replace("ORTHANC-ID", study)))
    assert answer["InstancesCount"] == 2
    assert answer["FailedInstancesCount"] == 0
