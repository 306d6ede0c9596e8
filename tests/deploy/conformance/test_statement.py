"""The Conformance Statement and the connection sheet: what they say is what the program does on the wire."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import Dataset
from pydicom.uid import JPEGBaseline8Bit
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, build_role, evt
from pynetdicom.presentation import PresentationContext, build_context

from deploy.cli import radtme
from listener.dicom.commitment_report import STORAGE_COMMITMENT
from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from listener.pairing.retrieve import retrieve
from listener.settings import AllowedPeer, RetrieveSource
from support.listening import listening
from support.result_cases import make_case
from workers.errors import TransientFailure
from workers.fallbacks.alternatives import alternatives
from workers.jobs.result_objects import build_results
from workers.results.instance_reference import InstanceReference
from workers.results.result_classes import RESULT_CLASSES
from workers.results.result_roles import ResultRole
from workers.targets.association import AssociationRefused
from workers.targets.commitment_scu import request_commitment
from workers.targets.echo_scu import verify
from workers.targets.find_scu import find
from workers.targets.store_scu import send
from workers.targets.target import Target

STATEMENT = Path(__file__).parents[3] / "docs" / "conformance.md"
REFERENCE = InstanceReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4.5")


def stated(heading: str) -> list[tuple[str, list[str], str]]:
    """Return the presentation contexts below a line of the statement: SOP class, transfer syntaxes, our role."""
    text = STATEMENT.read_text().partition(f"\n{heading}\n\n")[2].partition("\n\n")[0]
    assert text, heading
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return [(row[1], re.findall(r"\(([0-9.]+)\)(?:<br>|$)", row[2]), row[3]) for row in rows]


def test_the_statement_is_current():
    """What is committed is what this version prints: `radtme conformance > docs/conformance.md`."""
    assert CliRunner().invoke(radtme, ["conformance"]).output == STATEMENT.read_text()


def test_the_listener_accepts_what_is_stated_and_nothing_else(tmp_path):
    """Every stated SOP class in every stated transfer syntax, in a context of its own; no other class, no lossy one."""
    said = stated("Accepted presentation contexts:")
    single = [(uid, syntax) for uid, syntaxes, role in said for syntax in syntaxes if role == "SCP"]
    commitment = [(uid, syntax) for uid, syntaxes, role in said for syntax in syntaxes if role == "SCU"]
    classes = {uid for uid, _ in single}
    assert len(commitment) == 2
    every_storage = {str(one.abstract_syntax) for one in AllStoragePresentationContexts}
    other = [(uid, "1.2.840.10008.1.2.1") for uid in sorted(every_storage - classes)]
    assert len(other) > 100
    with listening(tmp_path / "spool", reporters=(AllowedPeer("PACS"),)) as listener:
        assert accepted(listener.port, single) == set(single)
        assert accepted(listener.port, other) == set()
        assert accepted(listener.port, [(uid, str(JPEGBaseline8Bit)) for uid in classes]) == set()
        assert accepted(listener.port, commitment, calling="PACS", as_scp=True) == set(commitment)
        assert accepted(listener.port, commitment, as_scp=True) == set(), "from who is not asked for commitment"


def accepted(
    port: int, pairs: list[tuple[str, str]], calling: str = "MRI1", *, as_scp: bool = False
) -> set[tuple[str, str]]:
    """Return those of the pairs that the listener accepts, each proposed in a context of its own."""
    found: set[tuple[str, str]] = set()
    for start in range(0, len(pairs), 100):
        contexts = [build_context(*pair) for pair in pairs[start : start + 100]]
        roles = [build_role(STORAGE_COMMITMENT, scp_role=True)] if as_scp else []
        association = AE(calling).associate("127.0.0.1", port, contexts, ext_neg=roles)
        found |= {(str(one.abstract_syntax), str(one.transfer_syntax[0])) for one in association.accepted_contexts}
        if association.is_established:
            association.release()
    return found


@contextmanager
def proposals() -> Iterator[tuple[Target, list[PresentationContext], set[str]]]:
    """Run a peer that accepts nothing; yields how to reach it, what it is asked for, and as which implementation."""
    asked: list[PresentationContext] = []
    names: set[str] = set()

    def note(event: evt.Event) -> None:
        asked.extend(event.assoc.requestor.primitive.presentation_context_definition_list)
        names.add(str(event.assoc.requestor.implementation_class_uid))

    entity = AE("PACS")
    entity.add_supported_context("1.2.3.4.5", ALL_TRANSFER_SYNTAXES)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_REQUESTED, note)])
    yield Target("pacs", "PACS", "127.0.0.1", server.server_address[1]), asked, names
    server.shutdown()


def _store(target: Target) -> None:
    objects = {role: {str(uid): Dataset for uid in classes} for role, classes in RESULT_CLASSES.items()}
    list(send(target, "RADTME", objects))


def _commit(target: Target) -> None:
    request_commitment(target, "RADTME", "1.2.9", [REFERENCE], lambda report: None, lambda: False)


def _move(target: Target) -> None:
    retrieve(RetrieveSource(target.ae_title, target.host, target.port), "RADTME", "1.2.3", {"1.2": ("1.2.3",)})


@pytest.mark.parametrize(
    ("heading", "act"),
    [
        ("Proposed for storage:", _store),
        ("Proposed for verification:", lambda target: verify(target, "RADTME")),
        ("Proposed for storage commitment:", _commit),
        ("Proposed for queries:", lambda target: find(target, "RADTME", [REFERENCE])),
        ("Proposed for retrieval:", _move),
    ],
)
def test_what_is_stated_is_proposed(heading: str, act: Callable[[Target], None]):
    """The A-ASSOCIATE-RQ of each service carries the stated contexts, and the stated implementation."""
    with proposals() as (target, asked, names):
        with suppress(AssociationRefused, TransientFailure):
            act(target)
        found = [(str(one.abstract_syntax), [str(uid) for uid in one.transfer_syntax], "SCU") for one in asked]
    assert found == stated(heading)
    assert names == {IMPLEMENTATION_CLASS_UID}
    assert f"| Implementation class UID | {IMPLEMENTATION_CLASS_UID} |" in STATEMENT.read_text()


def test_results_are_of_the_stated_classes(tmp_path: Path):
    """The results of a case can be sent as the SOP classes of the table, in that order."""
    case = make_case()
    made = build_results(case.result, case.seg_header, case.measurement, case.headers)
    assert set(made) == set(ResultRole)
    for role, result in made.items():
        path = tmp_path / f"{role.value}.dcm"
        result.save_as(path, enforce_file_format=True)
        assert list(alternatives(path)) == list(RESULT_CLASSES[role])


def test_results_name_the_implementation_that_associations_name():
    """PS3.7 section D.3.3.2: one implementation has one class UID, in files as in associations."""
    case = make_case()
    made = build_results(case.result, case.seg_header, case.measurement, case.headers)
    assert {str(one.file_meta.ImplementationClassUID) for one in made.values()} == {IMPLEMENTATION_CLASS_UID}
    assert {one.file_meta.ImplementationVersionName for one in made.values()} == {IMPLEMENTATION_VERSION_NAME}


def test_the_version_name_is_that_of_the_program():
    """A PACS administrator tells versions apart by it."""
    major_minor = metadata.version("radtme").split(".")[:2]
    assert "_".join(["RADTME", *major_minor]) == IMPLEMENTATION_VERSION_NAME


def test_connection_sheet_names_both_directions(tmp_path):
    """Who may send to us, who reports on commitment, where results go and how, from whom is fetched."""
    file = tmp_path / "radtme.yaml"
    file.write_text(
        "listener: {ae_title: RADTME, calling_ae_titles: [MRI1], peers: [{ae_title: WS, addresses: [192.0.2.9]}],\n"
        "  retrieve_from: {ae_title: ARCHIVE, host: 192.0.2.12, port: 106}}\n"
        "workers: {ae_title: RADSEND}\n"
        "targets:\n"
        "  - {name: pacs, ae_title: PACS, host: 192.0.2.10, port: 104, proof: committed_and_seen}\n"
        "  - {name: web, kind: dicomweb, url: 'http://192.0.2.11:8080/dicom-web'}\n"
    )
    shown = CliRunner().invoke(radtme, ["connections", "--config", str(file)], env={"COLUMNS": "200"}).output
    lines = [re.split(r"\s{2,}", line.strip()) for line in shown.splitlines()[1:]]
    assert lines == [
        ["in", "MRI1", "RADTME", "127.0.0.1", "11112", "no", "C-STORE, C-ECHO"],
        ["in", "WS from 192.0.2.9", "RADTME", "127.0.0.1", "11112", "no", "C-STORE, C-ECHO"],
        ["in", "PACS from 192.0.2.10", "RADTME", "127.0.0.1", "11112", "no", "N-EVENT-REPORT (commitment)"],
        ["out", "RADSEND", "PACS", "192.0.2.10", "104", "no",
         "C-STORE, C-ECHO, N-ACTION (commitment), C-FIND (Study Root)"],
        ["out", "-", "http://192.0.2.11:8080/dicom-web", "192.0.2.11", "no", "STOW-RS, QIDO-RS"],
        ["out", "RADTME", "ARCHIVE", "192.0.2.12", "106", "no", "C-MOVE (Study Root), destination RADTME"],
    ]  # fmt: skip
