"""PostgreSQL as Debian packages it: one server for a test run, a database of its own for each test."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from support.processes import free_port, wait_until

PROGRAMS = Path("/usr/lib/postgresql")
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root."""


def programs() -> Path | None:
    """Return the folder of the newest installed server's programs; None where there is none."""
    found = sorted(PROGRAMS.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """A server on a free port of this machine; without fsync, which nothing here could observe."""

    def __init__(self, folder: Path, port: int, host: str = "127.0.0.1", within: Sequence[str] = ()) -> None:
        """``within``: the command that runs it on another host, such as in a network namespace."""
        self.folder = folder
        self.port = port
        self.host = host
        self._within = within
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers."""
        found = programs()
        assert found is not None
        options = ["-p", str(self.port), "-k", "", "-c", f"listen_addresses={self.host}", "-c", "fsync=off"]
        self._process = self._run_as_server([str(found / "postgres"), "-D", str(self.folder / "data"), *options])
        wait_until(self.answers, 60, "an answer of PostgreSQL")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT ends all connections, SIGQUIT is a crash."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(60)

    def answers(self) -> bool:
        """Return whether it takes connections."""
        try:
            psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def new_database(self, place: Path | None = None) -> str:
        """Return the URL of a new, empty database; it lies in a folder of the server's user, where one is given."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            if place is not None:
                connection.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'".encode())
            within = f"TABLESPACE {name}" if place is not None else ""
            connection.execute(f'CREATE DATABASE "{name}" {within}'.encode())
        return f"postgresql+psycopg://radtme@{self.host}:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove a database that lies in a folder of its own, and let go of the folder."""
        name = url.rpartition("/")[2]
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
            connection.execute(f"DROP TABLESPACE {name}".encode())

    def initialise(self) -> None:
        """Make the folder of the cluster."""
        found = programs()
        assert found is not None
        if os.geteuid() == 0:
            shutil.chown(self.folder, UNPRIVILEGED)
        arguments = ["-D", str(self.folder / "data"), "-U", "radtme", "--auth=trust", "-E", "UTF8", "--no-sync"]
        assert self._run_as_server([str(found / "initdb"), *arguments]).wait(120) == 0
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")

    def _dsn(self, database: str) -> str:
        return f"host={self.host} port={self.port} user=radtme dbname={database}"

    def _run_as_server(self, command: list[str]) -> "subprocess.Popen[bytes]":
        # It ends with the tests, also where they are killed.
        start = ["setpriv", "--pdeathsig", "QUIT"]
        if os.geteuid() == 0:
            start += ["--reuid", UNPRIVILEGED, "--clear-groups"]
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(
                [*self._within, *start, *command], stdout=log, stderr=log, cwd="/", env={"PATH": os.environ["PATH"]}
            )


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """Run a server in ``folder`` during the block."""
    server = PostgresServer(folder, free_port())
    server.initialise()
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGQUIT)
