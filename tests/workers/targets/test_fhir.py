"""A FHIR server as a target: what its answers mean."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli import radtme
from support.certificates import secret_file
from support.result_cases import make_case
from support.web_server import Behaviour, Handler, web_server
from workers.errors import TransientFailure
from workers.jobs.result_objects import build_results
from workers.results.encoding import encoded_file
from workers.results.result_roles import ResultRole
from workers.targets.fhir import FhirServer
from workers.targets.store_status import StoreResult
from workers.targets.target import Target, TargetKind
from workers.targets.transport import Alternatives, TargetRefused

DONE = json.dumps({"resourceType": "Bundle", "type": "transaction-response"}).encode()
ROLE = ResultRole.SUMMARY_REPORT


def objects() -> dict[ResultRole, Alternatives]:
    """Return a summary report to send."""
    case = make_case(features=["original_firstorder_Mean"])
    report = build_results(case.result, case.seg_header, case.measurement)[ROLE]
    return {ROLE: {str(report.SOPClassUID): lambda: report}}


def always(status: int, body: bytes = b"") -> Behaviour:
    """Return a server's behaviour: this answer to everything."""

    def behave(handler: Handler) -> None:
        handler.answer(status, body)

    return behave


def send(behaviour: Behaviour) -> list[StoreResult]:
    """Send the report to a server that behaves so; return what was understood."""
    with web_server(behaviour) as server:
        target = Target("records", kind=TargetKind.FHIR, url=server.url)
        return [one.answer for one in FhirServer().send(target, "RADTME", objects())]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, DONE, StoreResult.TAKEN),
        (200, b"", StoreResult.TRY_AGAIN),
        (200, b"<html>login</html>", StoreResult.TRY_AGAIN),
        (400, b"{}", StoreResult.REFUSED),
        (412, b"{}", StoreResult.REFUSED),
        (422, b"{}", StoreResult.REFUSED),
        (500, b"", StoreResult.TRY_AGAIN),
    ],
)
def test_only_the_response_to_a_transaction_confirms_it(status: int, body: bytes, expected: StoreResult) -> None:
    """What is not understood is tried again; what is wrong with the bundle is refused."""
    assert send(always(status, body)) == [expected]


@pytest.mark.parametrize("status", [302, 401, 403, 404, 405, 501])
def test_a_server_that_takes_nothing_from_us_is_not_asked_again(status: int) -> None:
    """A redirect, credentials and a wrong URL are for a person."""
    with pytest.raises(TargetRefused):
        send(always(status))


def test_a_busy_server_is_asked_later() -> None:
    """503 and 429 pass."""
    with pytest.raises(TransientFailure):
        send(always(503))


def test_the_transaction_carries_the_bundle_and_our_token(tmp_path: Path) -> None:
    """One POST to the base URL, as application/fhir+json, with the bearer token of the file."""
    token = secret_file(tmp_path / "token", "t0ken")
    with web_server(always(200, DONE)) as server:
        target = Target("records", kind=TargetKind.FHIR, url=server.url, token_file=token)
        list(FhirServer().send(target, "RADTME", objects()))
        [(method, path, headers, body)] = server.requests
    assert (method, path) == ("POST", "/dicom-web")
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["Content-Type"] == "application/fhir+json"
    assert json.loads(body)["entry"][0]["resource"]["resourceType"] == "DiagnosticReport"


def test_a_fhir_target_gets_the_summary_report_only() -> None:
    """Other results have no form there."""
    assert Target("records", kind=TargetKind.FHIR, url="http://h/").roles == {ROLE}
    without = Target("records", kind=TargetKind.FHIR, url="http://h/", results=frozenset({ResultRole.KEY_IMAGE}))
    assert without.roles == frozenset()


@pytest.mark.parametrize(("version", "refused"), [("5.0.0", False), ("4.0.1", True)])
def test_a_server_of_another_fhir_version_is_refused(version: str, refused: bool) -> None:
    """ImagingSelection and the study of a DiagnosticReport are of R5."""
    statement = json.dumps({"resourceType": "CapabilityStatement", "fhirVersion": version}).encode()
    with web_server(always(200, statement)) as server:
        target = Target("records", kind=TargetKind.FHIR, url=server.url)
        if refused:
            with pytest.raises(TargetRefused, match="FHIR 4"):
                FhirServer().probe(target, "RADTME")
        else:
            FhirServer().probe(target, "RADTME")


def test_the_command_prints_the_bundle_of_a_file(tmp_path: Path) -> None:
    """A file that is not a report of radtme gives an error with a remedy."""
    [builders] = objects().values()
    path = tmp_path / "report.dcm"
    path.write_bytes(encoded_file(next(iter(builders.values()))()))
    shown = CliRunner().invoke(radtme, ["fhir", str(path)])
    assert json.loads(shown.output)["type"] == "transaction"
    (tmp_path / "other.dcm").write_bytes(b"no DICOM")
    for name in ("other.dcm", "missing.dcm"):
        failed = CliRunner().invoke(radtme, ["fhir", str(tmp_path / name)])
        assert failed.exit_code == 1
