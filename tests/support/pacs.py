"""A real PACS for the tests: Orthanc with DICOMweb, on loopback ports of its own."""

import json
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread

from support.processes import free_port, running

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Orthanc:
    """Where the PACS listens."""

    ae_title: str
    dicom_port: int
    http_port: int
    processes: ExitStack = field(default_factory=ExitStack, repr=False, compare=False)
    run: Callable[[], AbstractContextManager[object]] = field(default=nullcontext, repr=False, compare=False)
    """Runs it with what it has stored."""

    @contextmanager
    def away(self) -> Iterator[None]:
        """Keep it stopped for the block; afterwards it has what it had."""
        self.processes.close()
        try:
            yield
        finally:
            self.processes.enter_context(self.run())

    def get(self, path: str, accept: str = "application/dicom+json") -> bytes:
        """Return the body of a DICOMweb or REST answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return bytes(answer.read())

    def post(self, path: str, body: object) -> Any:
        """Return what a call of the REST API with a JSON body answers.

        Raises
        ------
        HTTPError
            If it fails.
        """
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def instances(self, study_uid: str) -> list[dict[str, Any]]:
        """Return what QIDO-RS lists in a study: SOP class, series and instance of each object."""
        body = self.get(f"/dicom-web/studies/{study_uid}/instances")
        return list(json.loads(body)) if body else []

    def retrieve(self, study_uid: str, series_uid: str) -> list[Dataset]:
        """Return the objects of a series over WADO-RS, as they are stored."""
        body = self.get(
            f"/dicom-web/studies/{study_uid}/series/{series_uid}",
            'multipart/related; type="application/dicom"; transfer-syntax=*',
        )
        return [dcmread(BytesIO(part)) for part in _parts(body)]

    def clear(self) -> None:
        """Forget all patients."""
        for patient in json.loads(self.get("/patients", "application/json")):
            request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/patients/{patient}", method="DELETE")
            urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


def _parts(body: bytes) -> list[bytes]:
    boundary = body[: body.index(b"\r\n")]
    chunks = [chunk for chunk in body.split(boundary) if b"\r\n\r\n" in chunk]
    return [chunk[chunk.index(b"\r\n\r\n") + 4 : -2] for chunk in chunks]


@contextmanager
def orthanc(folder: Path, ae_title: str = "ORTHANC", **more: object) -> Iterator[Orthanc]:
    """Run an empty Orthanc for the block; ``more`` is added to its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    dicom_port, http_port = free_port(), free_port()
    settings = {
        "Name": ae_title,
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "DicomAet": ae_title,
        "DicomPort": dicom_port,
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **more,
    }
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps(settings))

    def run() -> AbstractContextManager[object]:
        return running(["Orthanc", str(configuration)], folder / "orthanc.log", http_port, TCP_NODELAY="1")

    with ExitStack() as processes:
        processes.enter_context(run())
        yield Orthanc(ae_title, dicom_port, http_port, processes, run)


@contextmanager
def routing_orthanc(folder: Path, port: int, modalities: Iterable[str]) -> Iterator[Orthanc]:
    """Run an Orthanc that sends every object of these modalities to a listener, whoever wrote it (docs/connecting.md).

    ``port`` is the listener's.
    """
    condition = " or ".join(f"tags['Modality'] == '{modality}'" for modality in modalities)
    folder.mkdir(parents=True, exist_ok=True)
    route = folder / "route.lua"
    route.write_text(
        "function OnStoredInstance(instanceId, tags, metadata, origin)\n"
        f"  if {condition} then SendToModality(instanceId, 'radtme') end\n"
        "end\n"
    )
    listener = {"AET": "RADTME", "Host": "127.0.0.1", "Port": port}
    with orthanc(folder, LuaScripts=[str(route)], DicomModalities={"radtme": listener}) as pacs:
        yield pacs
