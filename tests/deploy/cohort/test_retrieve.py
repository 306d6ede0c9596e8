"""A cohort that lies in a PACS: a list of studies, fetched from a real Orthanc."""

import base64
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Lock
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    MRImageStorage,
    RTStructureSetStorage,
    SegmentationStorage,
    StudyRootQueryRetrieveInformationModelFind,
)
from rich.console import Console

from deploy.cohort.dicomweb_archive import DicomwebArchive
from deploy.cohort.extract import extract
from deploy.cohort.retrieve import NotRetrieved, retrieve_studies
from deploy.errors import CommandError, Unreachable
from deploy.simulation.phantom import write_phantom
from listener.settings import ClientTls
from listener.tls.contexts import server_context, tls_args
from model_store.cohort.pacs_source import PacsSource, PacsTls, RetrieveMethod
from model_store.cohort.plan import ExtractPlan
from support.broken_studies import SMALL
from support.certificates import Authority, Issued, secret_file
from support.pacs import PLUGIN, orthanc
from support.processes import free_port
from support.structure_sets import contours_of, write_structure_set
from support.web_server import Behaviour, Handler, forward_to, web_server

ABSENT = "1.2.826.0.1.3680043.8.498.1"
QUIET = Console(quiet=True)

pytestmark = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not PLUGIN.exists(), reason="needs Orthanc (Debian: orthanc, orthanc-dicomweb)"
)


def send(port: int, files: list[Path], tls: ClientTls | None = None) -> None:
    """Store files in the PACS."""
    entity = AE("MODALITY")
    for sop_class in (MRImageStorage, SegmentationStorage, RTStructureSetStorage):
        entity.add_requested_context(sop_class)
    association = entity.associate("127.0.0.1", port, ae_title="ORTHANC", tls_args=tls_args(tls, "127.0.0.1"))
    assert association.is_established
    assert [association.send_c_store(dcmread(file)).Status for file in files] == [0] * len(files)
    association.release()


def test_a_list_is_fetched_by_c_get_and_c_move_and_what_is_not_there_has_its_reason(tmp_path: Path) -> None:
    """The same numbers either way and as from the folder; absent studies are rows; a second run asks for nothing."""
    phantom = write_phantom(tmp_path / "dicom", 5, **SMALL)
    files = sorted((tmp_path / "dicom").rglob("*.dcm"))
    study = str(dcmread(phantom.seg_path, stop_before_pixels=True).StudyInstanceUID)
    queries = tmp_path / "list.csv"
    queries.write_text(f"study_uid\n{study}\n{ABSENT}\n")
    our_port = free_port()
    modalities = {"ours": ["RADTME", "127.0.0.1", our_port]}
    with orthanc(tmp_path / "orthanc", DicomModalities=modalities, DicomAlwaysAllowGet=True) as pacs:
        send(pacs.dicom_port, files)
        source = PacsSource(queries, "ORTHANC", "127.0.0.1", pacs.dicom_port, listen_port=our_port)
        tables = {}
        for method in (RetrieveMethod.GET, RetrieveMethod.MOVE):
            plan = ExtractPlan(pacs=replace(source, method=method), jobs=1, controls=False)
            done = extract(plan, tmp_path / method.name, QUIET)
            tables[method] = done.tables.features
            came = list((tmp_path / method.name / "received" / study).glob("*.dcm"))
            assert len(came) == len(files)
            rows = done.tables.features.set_index("study_uid")
            assert rows["reason"].to_dict() == {study: "", ABSENT: "not_in_pacs"}
            assert rows.loc[ABSENT, "case"] == "list.csv:3"
            assert rows.loc[ABSENT].filter(regex="^(tumour|ring)_").isna().all()
            assert done.tables.reasons["reason"].tolist() == ["not_in_pacs"]
        before = {file: file.stat().st_mtime_ns for file in came}
        extract(plan, tmp_path / method.name, QUIET)
        assert {file: file.stat().st_mtime_ns for file in came} == before
    plan = ExtractPlan(folder=tmp_path / "dicom", jobs=1, controls=False)
    local = extract(plan, tmp_path / "local", QUIET).tables.features
    for table in tables.values():
        measured = table[table["reason"] == ""].reset_index(drop=True)
        pd.testing.assert_frame_equal(measured, local, check_exact=True)


def test_accession_number_that_the_pacs_does_not_know(tmp_path: Path) -> None:
    """Found by C-FIND; a number that matches nothing is a row that names its line, and not the number."""
    phantom = write_phantom(tmp_path / "dicom", 6, **SMALL)
    accession = str(dcmread(phantom.seg_path, stop_before_pixels=True).AccessionNumber)
    queries = tmp_path / "list.csv"
    queries.write_text(f"accession_number\n{accession}\nNOBODYS\n")
    with orthanc(tmp_path / "orthanc", DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True) as pacs:
        send(pacs.dicom_port, sorted((tmp_path / "dicom").rglob("*.dcm")))
        source = PacsSource(queries, "ORTHANC", "127.0.0.1", pacs.dicom_port)
        done = extract(ExtractPlan(pacs=source, jobs=1, controls=False), tmp_path / "out", QUIET)
    reasons = done.tables.features.set_index("case")["reason"].to_dict()
    assert reasons.pop("list.csv:3") == "not_in_pacs"
    assert list(reasons.values()) == [""]
    assert np.count_nonzero(done.tables.features["study_uid"] == "") == 1


@pytest.mark.parametrize("method", [RetrieveMethod.GET, RetrieveMethod.MOVE])
def test_an_rt_structure_set_is_fetched_as_an_outline(tmp_path: Path, method: RetrieveMethod) -> None:
    """Every class of outline that is measured is asked for, not the segmentations alone."""
    phantom = write_phantom(tmp_path / "dicom", 7, **{**SMALL, "phases": 1})
    images = list(phantom.image_paths[0])
    mask = np.zeros((SMALL["slices"], SMALL["rows"], SMALL["columns"]), bool)
    mask[8:16, 40:56, 40:56] = True
    phantom.seg_path.unlink()
    outline = write_structure_set(tmp_path / "dicom" / "rs.dcm", images, {"Tumor": contours_of(mask, images)})
    header = dcmread(outline)
    queries = tmp_path / "list.csv"
    queries.write_text(f"study_uid\n{header.StudyInstanceUID}\n")
    our_port = free_port()
    modalities = {"ours": ["RADTME", "127.0.0.1", our_port]}
    with orthanc(tmp_path / "orthanc", DicomModalities=modalities, DicomAlwaysAllowGet=True) as pacs:
        send(pacs.dicom_port, [*images, outline])
        source = PacsSource(queries, "ORTHANC", "127.0.0.1", pacs.dicom_port, listen_port=our_port, method=method)
        assert retrieve_studies(source, tmp_path / "out", QUIET) == []
    came = {path.stem for path in (tmp_path / "out" / header.StudyInstanceUID).glob("*.dcm")}
    assert len(came) == len(images) + 1
    assert header.SOPInstanceUID in came


@pytest.mark.parametrize("column", ["study_uid", "accession_number"])
def test_a_pacs_that_refuses_to_say_is_not_one_without_the_study(tmp_path: Path, column: str) -> None:
    """C-FIND that ends with a failure (0xA700): the reason names the failure, not a missing study."""
    queries = tmp_path / "list.csv"
    queries.write_text(f"{column}\n{ABSENT}\n")
    entity = AE("BUSY")
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    handlers = [(evt.EVT_C_FIND, lambda event: iter([(0xA700, None)]))]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    said = io.StringIO()
    try:
        port = server.socket.getsockname()[1]
        source = PacsSource(queries, "BUSY", "127.0.0.1", port, attempts=2, first_retry_seconds=0.01)
        with pytest.raises(CommandError):
            retrieve_studies(source, tmp_path / "out", Console(file=said, width=200))
    finally:
        server.shutdown()
    assert "was not answered with success" in said.getvalue()
    assert said.getvalue().count("has too much to do (status 0xA700); asking again in") == 1


@pytest.mark.parametrize("method", [RetrieveMethod.GET, RetrieveMethod.MOVE])
def test_a_pacs_that_takes_encrypted_requests_alone(method: RetrieveMethod, tmp_path: Path) -> None:
    """Both sides show a certificate, for C-MOVE on the way back, too; the objects are those that were stored.

    Without the authority of its certificate, nothing is asked.
    """
    files, queries = stored_study(tmp_path, 8)
    authority, our_port = Authority(tmp_path / "certificates"), free_port()
    theirs, ours = authority.issue("pacs"), authority.issue("us")
    with orthanc(tmp_path / "orthanc", **encrypted(theirs, our_port)) as pacs:
        send(pacs.dicom_port, files, ours.client())
        tls = PacsTls(ours.ca, ours.certificate, ours.key)
        source = PacsSource(queries, "ORTHANC", "127.0.0.1", pacs.dicom_port, method=method, tls=tls, attempts=1)
        source = replace(source, listen_port=our_port, listen_tls=method is RetrieveMethod.MOVE)
        require_same(retrieve_studies(source, tmp_path / "out", QUIET), tmp_path / "out", files)
        require_refused(source, ours, tmp_path)


def test_dicomweb_behind_a_proxy_that_wants_certificate_and_password(tmp_path: Path) -> None:
    """Orthanc's DICOMweb behind a TLS proxy, as installations have it; a wrong password is named, and not repeated."""
    files, queries = stored_study(tmp_path, 9)
    authority = Authority(tmp_path / "certificates")
    theirs, ours = authority.issue("pacs"), authority.issue("us")
    password = secret_file(tmp_path / "password", "open sesame")
    with orthanc(tmp_path / "orthanc") as pacs:
        send(pacs.dicom_port, files)
        with web_server(behind_password(forward_to(pacs.http_port)), server_context(theirs.server())) as proxy:
            tls = PacsTls(ours.ca, ours.certificate, ours.key)
            source = PacsSource(
                queries,
                method=RetrieveMethod.DICOMWEB,
                url=proxy.url,
                tls=tls,
                user="radtme",
                password_file=password,
                attempts=1,
            )
            require_same(retrieve_studies(source, tmp_path / "out", QUIET), tmp_path / "out", files)
            require_refused(source, ours, tmp_path)
            password.write_text("wrong\n")
            before = len(proxy.requests)
            with pytest.raises(Unreachable, match="refuses our credentials"):
                retrieve_studies(replace(source, parallel=1, attempts=5), tmp_path / "refused", QUIET)
            assert len(proxy.requests) == before + 1
            accession = tmp_path / "accession.csv"
            accession.write_text(f"accession_number\n{dcmread(files[0]).AccessionNumber}\n")
            password.write_text("open sesame\n")
            by_number = replace(source, queries=accession)
            assert retrieve_studies(by_number, tmp_path / "by_number", QUIET) == []
    assert len(list((tmp_path / "by_number").rglob("*.dcm"))) == len(files)


def test_a_busy_web_server_is_asked_again(tmp_path: Path) -> None:
    """HTTP 503 twice, then the study; each wait is announced, without what the server said."""
    files, queries = stored_study(tmp_path, 10)
    refusals = [503, 429]

    def behave(handler: Handler) -> None:
        if refusals and "/series" in handler.path:
            handler.answer(refusals.pop(), b"SECRET")
        else:
            passed_on(handler)

    said = io.StringIO()
    with orthanc(tmp_path / "orthanc") as pacs:
        send(pacs.dicom_port, files)
        passed_on = forward_to(pacs.http_port)
        with web_server(behave) as proxy:
            source = PacsSource(
                queries, method=RetrieveMethod.DICOMWEB, url=proxy.url, parallel=1, first_retry_seconds=0.01
            )
            failed = retrieve_studies(source, tmp_path / "out", Console(file=said, width=200))
    require_same(failed, tmp_path / "out", files)
    assert said.getvalue().count("is busy (HTTP") == 2
    assert "SECRET" not in said.getvalue()


@pytest.mark.parametrize("number", [None, "", "many"])
def test_a_web_server_that_does_not_know_the_number_of_instances_is_asked_for_the_series(number: str | None) -> None:
    """The DICOM JSON model has null for an empty value (PS3.18 F.2.5)."""
    row = {
        "0020000E": {"vr": "UI", "Value": ["1.2"]},
        "00080060": {"vr": "CS", "Value": ["MR"]},
        "00201209": {"vr": "IS", "Value": [number]},
    }
    without_uid = {**row, "0020000E": {"vr": "UI", "Value": [None]}}

    def behave(handler: Handler) -> None:
        handler.answer(200, json.dumps([row, without_uid]).encode(), **{"Content-Type": "application/dicom+json"})

    with web_server(behave) as server:
        source = PacsSource(Path("list.csv"), method=RetrieveMethod.DICOMWEB, url=server.url)
        assert DicomwebArchive(source).series("1.1") == ["1.2"]


def test_a_server_that_ignores_the_number_is_not_fetched_empty(tmp_path: Path) -> None:
    """Of all the studies that it lists, the one with the number is taken."""
    files, _ = stored_study(tmp_path / "one", 11)
    others, _ = stored_study(tmp_path / "other", 12)
    wanted = dcmread(files[0])
    assert dcmread(others[0]).AccessionNumber != wanted.AccessionNumber
    queries = tmp_path / "list.csv"
    queries.write_text(f"accession_number\n{wanted.AccessionNumber}\n")

    def behave(handler: Handler) -> None:
        head, _, filters = handler.path.partition("/studies?")
        if filters:
            handler.path = f"{head}/studies?includefield=AccessionNumber"
        forward_to(pacs.http_port)(handler)

    with orthanc(tmp_path / "orthanc") as pacs:
        send(pacs.dicom_port, [*files, *others])
        with web_server(behave) as proxy:
            source = PacsSource(queries, method=RetrieveMethod.DICOMWEB, url=proxy.url, attempts=1)
            assert retrieve_studies(source, tmp_path / "out", QUIET) == []
    assert {path.parent.name for path in (tmp_path / "out").rglob("*.dcm")} == {wanted.StudyInstanceUID}


def stored_study(folder: Path, seed: int) -> tuple[list[Path], Path]:
    """Return the files of a study, and a list of it and of one that is nowhere."""
    phantom = write_phantom(folder / "dicom", seed, **SMALL)
    study = dcmread(phantom.seg_path, stop_before_pixels=True).StudyInstanceUID
    queries = folder / "list.csv"
    queries.write_text(f"study_uid\n{study}\n{ABSENT}\n")
    return sorted((folder / "dicom").rglob("*.dcm")), queries


def require_same(failed: list[NotRetrieved], folder: Path, files: list[Path]) -> None:
    """Require the study as it was stored, and the reason of the one that is nowhere."""
    assert [(one.entry, one.reason) for one in failed] == [("list.csv:3", "not_in_pacs")]
    came = {path.stem: dcmread(path) for path in folder.rglob("*.dcm")}
    assert len(came) == len(files)
    for one in map(dcmread, files):
        assert came[one.SOPInstanceUID] == one
        assert came[one.SOPInstanceUID].file_meta.TransferSyntaxUID == one.file_meta.TransferSyntaxUID


def require_refused(source: PacsSource, ours: Issued, folder: Path) -> None:
    """Require that a PACS whose certificate is of an unknown authority is asked for nothing."""
    foreign = replace(source, tls=PacsTls(Authority(folder / "others").ca, ours.certificate, ours.key))
    with pytest.raises(Unreachable, match="TLS"):
        retrieve_studies(foreign, folder / "refused", QUIET)
    assert not list((folder / "refused").rglob("*.dcm"))


def behind_password(behave: Behaviour) -> Behaviour:
    """Return a behaviour that wants the right user and password."""
    expected = "Basic " + base64.b64encode(b"radtme:open sesame").decode()

    def ask(handler: Handler) -> None:
        if handler.headers["Authorization"] == expected:
            behave(handler)
        else:
            handler.answer(401)

    return ask


def encrypted(theirs: Issued, our_port: int) -> dict[str, object]:
    """Return the settings of an Orthanc that speaks DICOM over TLS alone, to us as well."""
    us = {"AET": "RADTME", "Host": "127.0.0.1", "Port": our_port, "UseDicomTls": True}
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(theirs.certificate),
        "DicomTlsPrivateKey": str(theirs.key),
        "DicomTlsTrustedCertificates": str(theirs.ca),
        "DicomTlsRemoteCertificateRequired": True,
        "DicomModalities": {"ours": us},
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowFind": True,
    }


def test_few_studies_at_a_time_and_again_where_the_pacs_is_busy(tmp_path: Path) -> None:
    """Never more questions at once than `parallel`, but as many; one that was refused as too much is asked again."""
    queries = tmp_path / "list.csv"
    queries.write_text("study_uid\n" + "".join(f"{ABSENT}.{number}\n" for number in range(1, 9)))
    asked: Counter[str] = Counter()
    now, most, lock, both = [0], [0], Lock(), Barrier(2)

    def find(event: evt.Event) -> Iterator[tuple[int, None]]:
        with lock:
            study = str(event.identifier.StudyInstanceUID)
            asked[study] += 1
            now[0] += 1
            most[0] = max(most[0], now[0])
        if sum(asked.values()) <= 2:
            both.wait(120)
        with lock:
            now[0] -= 1
        yield (0xA700 if asked[study] == 1 else 0x0000), None

    entity = AE("BUSY")
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find)])
    try:
        port = server.socket.getsockname()[1]
        source = PacsSource(queries, "BUSY", "127.0.0.1", port, parallel=2, first_retry_seconds=0.01)
        with pytest.raises(CommandError, match="sent none of the 8 studies"):
            retrieve_studies(source, tmp_path / "out", QUIET)
    finally:
        server.shutdown()
    assert most == [2]
    assert set(asked.values()) == {2}
    assert len(asked) == 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "ae_title and host"),
        ({"method": RetrieveMethod.DICOMWEB}, "url"),
        ({"ae_title": "A", "host": "h", "url": "https://h"}, "url"),
        ({"ae_title": "A", "host": "h", "listen_tls": True}, "listen_tls"),
        ({"ae_title": "A", "host": "h", "user": "me"}, "password_file"),
    ],
)
def test_half_of_an_address_is_refused(settings: dict[str, Any], message: str) -> None:
    """With the field that is missing, before anything is asked."""
    with pytest.raises(ValueError, match=message):
        PacsSource(Path("list.csv"), **settings)
