"""Retrieves a cohort from a PACS: a list of studies, by their UIDs or accession numbers.

Few at a time, each question again with growing waits where the PACS is busy, and whole studies only once.
"""

import csv
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from deploy.cohort.archives import Archive, Busy, QueryFailed, Unanswered, is_uid
from deploy.errors import CommandError, Unreachable, WrongUsage
from deploy.terminal import duration, stepping
from model_store.cohort.pacs_source import PacsSource, RetrieveMethod

NOT_IN_PACS, NOT_SENT, QUERY_FAILED = "not_in_pacs", "not_sent", "query_failed"
REASON_TEXTS = {
    NOT_IN_PACS: "no MR, SEG or RTSTRUCT series of this study is there",
    NOT_SENT: "the study was not sent whole",
    QUERY_FAILED: "the question whether the study is there (C-FIND, QIDO-RS) was not answered with success",
}
COMPLETE = "complete"
"""An empty file in a study's folder: the PACS reported that it had sent the whole study."""
LONGEST_WAIT_SECONDS = 3600.0
"""Between two attempts at a question."""
Wanted = tuple[int, tuple[str, str]]
"""An entry of the list: its line, keyword and value."""
Found = list[tuple[Wanted, list[tuple[str, str]]]]
"""With the studies that match it, and why a study is not whole."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class NotRetrieved:
    """An entry of the list for which the PACS did not send a whole study."""

    entry: str
    """Its place: file and line."""
    study_uid: str
    """Empty where the list has an accession number that the PACS does not know."""
    reason: str
    """``not_in_pacs``, ``not_sent`` or ``query_failed``."""
    message: str


def retrieve_studies(source: PacsSource, folder: Path, console: Console) -> list[NotRetrieved]:
    """Fetch the studies of a list into ``folder/<study UID>``. Studies that an earlier run fetched whole are skipped.

    A study that the PACS does not have, or does not send whole, is reported and returned; the others are fetched.

    Raises
    ------
    WrongUsage
        The list is wrong.
    Unreachable
        The PACS cannot be reached or refuses the association.
    CommandError
        No study was retrieved.
    """
    wanted = read_queries(source.queries)
    failed: list[NotRetrieved] = []
    found = 0
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        archive = _archive(source, folder, stack)
        answered = _fetch_all(source, archive, folder, wanted, console)
    for (at, _), answers in answered:
        found += sum(reason == "" for _, reason in answers)
        failed += [
            NotRetrieved(f"{source.queries.name}:{at}", study, reason, f"{source.name}: {REASON_TEXTS[reason]}")
            for study, reason in answers
            if reason
        ]
    for one in failed:
        console.print(f"{one.entry}: {one.message}")
    if not found:
        raise CommandError(
            f"{source.name} sent none of the {len(wanted)} studies",
            "see whether the list is of this PACS; for C-MOVE, it must have our AE title and address configured",
        )
    return failed


def read_queries(file: Path) -> list[Wanted]:
    """Return line, and keyword with value, of each study of a CSV with a column study_uid or accession_number.

    Raises
    ------
    WrongUsage
        With the line of what is wrong.
    """
    try:
        stream = file.open(newline="", encoding="utf-8-sig")
    except OSError as error:
        raise WrongUsage(f"extract.pacs.queries: {file} cannot be read") from error
    with stream:
        rows = csv.DictReader(stream)
        names = {"study_uid": "StudyInstanceUID", "accession_number": "AccessionNumber"}
        column = next((name for name in names if name in (rows.fieldnames or ())), None)
        if column is None:
            raise WrongUsage(f"{file}: expected a column study_uid or accession_number, found neither")
        wanted = []
        for at, row in enumerate(rows, start=2):
            value = (row[column] or "").strip()
            if column == "study_uid" and not is_uid(value):
                raise WrongUsage(f"{file}:{at}: study_uid: expected a valid UID")
            if not value or set("*?\\") & set(value):
                raise WrongUsage(f"{file}:{at}: {column}: expected one value without wildcards")
            wanted.append((at, (names[column], value)))
    return wanted


def _archive(source: PacsSource, folder: Path, stack: ExitStack) -> Archive:
    if source.method is RetrieveMethod.DICOMWEB:
        from deploy.cohort.dicomweb_archive import DicomwebArchive

        return DicomwebArchive(source)
    from deploy.cohort.dimse_archive import DimseArchive

    archive = DimseArchive(source)
    stack.enter_context(archive.receiving(folder))
    return archive


def _fetch_all(source: PacsSource, archive: Archive, folder: Path, wanted: Sequence[Wanted], console: Console) -> Found:
    """Ask for each entry of the list, a few at the same time, and return the answers in the list's order."""

    def fetch(one: Wanted) -> list[tuple[str, str]]:
        if patience.ends.is_set():
            return []
        try:
            answers = _ask_and_fetch(archive, folder, one, patience)
        except CommandError:
            patience.ends.set()
            raise
        patience.ends.wait(source.pause_seconds)
        return answers

    patience = Patience(source, console)
    pool = ThreadPoolExecutor(source.parallel)
    try:
        with stepping(console, "fetching studies", len(wanted)) as step:
            futures = [pool.submit(fetch, one) for one in wanted]
            for future in as_completed(futures):
                future.result()
                step()
    except BaseException:
        patience.ends.set()
        archive.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return [(one, future.result()) for one, future in zip(wanted, futures, strict=True)]


class Patience:
    """Asks an archive again that is busy or does not answer, with growing waits."""

    def __init__(self, source: PacsSource, console: Console) -> None:
        self._source, self._console = source, console
        self.ends = threading.Event()
        """Set where nobody waits for an answer any more."""

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """Return the answer to a question.

        Raises
        ------
        Unreachable
            After the last attempt, from an archive without a connection.
        Busy
            After the last attempt, from one that has too much to do.
        """
        source = self._source
        for attempt in range(source.attempts):
            try:
                return question()
            except Busy as error:
                if attempt + 1 == source.attempts or self.ends.is_set():
                    if not isinstance(error, Unanswered):
                        raise
                    advice = "check extract.pacs in the configuration; the same command continues where this one ended"
                    raise Unreachable(f"{source.name} {error}", advice) from error
                wait = min(source.first_retry_seconds * 2.0 ** min(attempt, 30), LONGEST_WAIT_SECONDS)
                self._console.print(f"{source.name} {error}; asking again in {duration(wait)}", markup=False)
                self.ends.wait(wait)
        raise AssertionError("unreachable: attempts is at least 1")


def _ask_and_fetch(archive: Archive, folder: Path, one: Wanted, patience: Patience) -> list[tuple[str, str]]:
    """Return the studies that match an entry of the list, with why a study is not whole."""
    _, (keyword, value) = one
    try:
        known = keyword == "StudyInstanceUID"
        studies = [value] if known else patience.ask(lambda: archive.studies(keyword, value))
    except (QueryFailed, Busy):
        return [("", QUERY_FAILED)]
    return [(study, _fetch(archive, folder, study, patience)) for study in studies] or [("", NOT_IN_PACS)]


def _fetch(archive: Archive, folder: Path, study: str, patience: Patience) -> str:
    """Fetch the MR, SEG and RTSTRUCT series of a study; return why it is not whole, or nothing where it is."""
    mark = folder / study / COMPLETE
    if mark.exists():
        return ""
    try:
        series = patience.ask(lambda: archive.series(study))
    except (QueryFailed, Busy):
        return QUERY_FAILED
    if not series:
        return NOT_IN_PACS
    try:
        came = [patience.ask(partial(archive.fetch, study, one, folder)) for one in series]
    except Busy:
        return NOT_SENT
    if not all(came) or not mark.parent.is_dir():
        return NOT_SENT
    mark.touch()
    return ""
