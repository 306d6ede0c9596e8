"""The dashboard on the ledger: its queries answer on the real views, for a role that can read nothing else."""

import json
import re
import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result
from psycopg import sql

from deploy.cli import radtme
from deploy.grafana import build
from listener.ledger.readers import RoleNotGranted, let_read
from listener.ledger.schema import METADATA
from listener.ledger.target_circuits import Circuit, CircuitState, change_circuit
from listener.pairing.study_notes import StudyNotes
from listener.spool.job_notes import Attempts, Hold
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.spool import Spool
from support.outboxes import delivering
from support.postgresql import PostgresServer
from support.records import AT, facts_of, job_record

PANELS = {
    panel["title"]: panel["targets"][0]["rawSql"]
    for panel in json.loads((build.FOLDER / "radtme-case.json").read_text())["panels"]
    if panel["type"] != "row"
}


class Reader:
    """What Grafana is: a role of its own, and the words of a query replaced by what a person has entered."""

    def __init__(self, url: str, role: str) -> None:
        self._dsn = url.replace("postgresql+psycopg://radtme@", f"postgresql://{role}@")

    def rows(self, panel: str, case: str = "") -> list[dict[str, Any]]:
        """Return what a panel shows."""
        query = PANELS[panel].replace("${case:sqlstring}", sql.quote(case))
        return self.run(re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2000-01-01' AND '2100-01-01'", query))

    def run(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        with psycopg.connect(self._dsn, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def spool(tmp_path: Path, postgres: PostgresServer) -> Spool:
    """Return an empty spool whose ledger is on the server."""
    spool = Spool(tmp_path / "spool", postgres.new_database())
    spool.prepare()
    return spool


@pytest.fixture
def reader(spool: Spool) -> Reader:
    """Return a role that may read the views."""
    role = f"grafana-{secrets.token_hex(4)}"
    assert spool.ledger_url is not None
    with psycopg.connect(spool.ledger_url.replace("+psycopg", "")) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    assert set(let_read(spool.ledger, role)) == {"cases", "deliveries", "events", "studies", "targets"}
    return Reader(spool.ledger_url, role)


@pytest.fixture
def sent(spool: Spool) -> Job:
    """Return a case on its way to two targets, among others in each state."""
    for number, state in enumerate(JobState):
        record = job_record(job_id_for(f"1.9.{number}", 1), study_uid=f"1.9.{number}")
        assert spool.create_job(
            record,
            state,
            attempts=Attempts((AT, AT)),
            hold=Hold("ann", AT, "asks the surgeon") if state is JobState.READY else None,
            **facts_of(state),
        )
    folder = spool.series_folder("1.77", "1.77.1")
    folder.mkdir(parents=True)
    (folder / "1.77.1.1.dcm").write_bytes(b"")
    StudyNotes(spool).note(["1.77"])
    change_circuit(spool.ledger, "archive", lambda _: Circuit(CircuitState.OPEN, 3, 1, AT, 30.0, AT, "no answer"))
    return delivering(spool, "pacs", "archive")


def test_every_panel_answers(reader: Reader, sent: Job) -> None:
    """With nothing entered: all that there is, of its time."""
    assert {title for title in PANELS if not reader.rows(title)} == set()
    assert len(reader.rows("Cases")) == len(JobState) + 1
    assert [row["held_by"] for row in reader.rows("Open and failed") if row["held_by"]] == ["ann"]
    assert [row["study_uid"] for row in reader.rows("No outline")] == ["1.77"]
    assert [(row["target"], row["state"]) for row in reader.rows("Targets")] == [("archive", "open")]
    assert [(row["reason"], row["cases"]) for row in reader.rows("Reasons")] == [("worker_killed", 1)]


@pytest.mark.parametrize("by", ["job", "study"])
def test_one_case_is_found(by: str, reader: Reader, sent: Job) -> None:
    """By the id of its job or by its study: where it is, what happened, and what each target has."""
    asked = sent.id if by == "job" else sent.record.study_uid
    [case] = reader.rows("Cases", asked)
    assert (case["job_id"], case["state"]) == (sent.id, "delivering")
    assert {row["target"]: row["objects_taken"] for row in reader.rows("Deliveries", asked)} == {
        "pacs": 0,
        "archive": 0,
    }
    happened = [row["event"] for row in reader.rows("What happened", asked)]
    assert {"outline received", "results ready for pacs", "results ready for archive"} <= set(happened)


def test_nothing_else_is_found(reader: Reader, sent: Job) -> None:
    """A UID that nobody knows, and one that is no UID."""
    for asked in ("1.2.3.4.5.6", "' OR true --"):
        assert [reader.rows(title, asked) for title in ("Cases", "What happened", "Deliveries")] == [[], [], []]


def test_the_role_reads_no_table_and_changes_nothing(reader: Reader, sent: Job) -> None:
    """It sees the views, and what they leave out it does not see."""
    refused = [f"TABLE {table}" for table in ("alembic_version", *METADATA.tables)]
    refused += ["DELETE FROM radtme_views.studies", "CREATE TABLE public.x (y int)", "CREATE SCHEMA x"]
    for query in (*refused, "UPDATE radtme_views.cases SET state = 'done'", "CREATE TABLE radtme_views.x (y int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.run(query)


def grant(folder: Path, role: str, **settings: object) -> Result:
    """Run ``radtme ledger grant``."""
    configuration = folder / "radtme.yaml"
    configuration.write_text(yaml.safe_dump({"data": str(folder), **settings}))
    return CliRunner().invoke(radtme, ["ledger", "grant", role, "--config", str(configuration)])


def test_the_command_grants_and_says_what(spool: Spool, tmp_path: Path) -> None:
    """Or says what to do: the role is to be made first, and a ledger in a file has no roles."""
    assert spool.ledger_url is not None
    url = spool.ledger_url.replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE ROLE viewer LOGIN")
    ran = grant(tmp_path, "viewer", ledger={"url": url})
    assert (ran.exit_code, ran.output.count("radtme_views.")) == (0, 5), ran.output
    missing = grant(tmp_path, "nobody-here", ledger={"url": url})
    assert missing.exit_code == 1
    assert 'CREATE ROLE "nobody-here" LOGIN' in missing.output
    (tmp_path / "other" / "spool").mkdir(parents=True)
    Spool(tmp_path / "other" / "spool").prepare()
    embedded = grant(tmp_path / "other", "viewer")
    assert embedded.exit_code == 1
    assert "this needs a ledger in PostgreSQL: ledger.url" in embedded.output


def test_a_role_that_does_not_exist_is_told(spool: Spool) -> None:
    """And nothing is granted to anyone."""
    with pytest.raises(RoleNotGranted, match="does not exist"):
        let_read(spool.ledger, "nobody-here")
