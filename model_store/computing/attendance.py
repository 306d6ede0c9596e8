"""The workers of a Dask cluster: who waits for them is told so, and those that are not fit get no work."""

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from model_store.errors import ComputingError

if TYPE_CHECKING:
    from distributed import Client

SAY_SECONDS = 5.0
"""Without a worker for so long, it is said: workers that were started together with the scheduler have come by then."""
WORKERLESS_SECONDS = 300.0
"""After so long without one, the work is given up."""

Say = Callable[[str], None]


def say_nothing(text: str) -> None:
    """Tell nobody."""


class Attendance:
    """The workers of a cluster, looked at again and again while there is work."""

    def __init__(self, client: "Client", scheduler: str = "", say: Say = say_nothing) -> None:
        """Look at the workers of a client; those of a ``scheduler`` elsewhere may be of another version."""
        self._client, self._scheduler, self._say = client, scheduler, say
        self._objections: dict[str, str] = {}
        """By address; empty where the worker is fit."""
        self._had_workers = time.monotonic()
        self._has_said = False

    def fit(self) -> tuple[str, ...]:
        """Return the addresses of the workers that can be given work now.

        Raises
        ------
        ComputingError
            The scheduler is gone, or there has been no such worker for long.
        """
        from distributed.client import ClosedClientError

        try:
            threads = self._client.nthreads()
            if self._scheduler and (new := [one for one in threads if one not in self._objections]):
                self._check(new, threads)
        except (OSError, TimeoutError, ClosedClientError, AttributeError, RuntimeError) as error:
            raise gone() from error
        found = tuple(one for one in threads if not self._objections.get(one))
        self._note(bool(found))
        return found

    def objections(self) -> set[str]:
        """Return what is wrong with workers that get no work."""
        return {one for one in self._objections.values() if one}

    def _check(self, new: list[str], threads: dict[str, int]) -> None:
        ours = installed_version()
        for worker, theirs in self._client.run(installed_version, workers=new, on_error="return").items():
            objection = ""
            if isinstance(theirs, OSError):
                continue  # it has gone again
            if isinstance(theirs, Exception):
                objection = f"cannot run radtme ({type(theirs).__name__}): install radtme[study] {ours} there"
            elif theirs != ours:
                objection = f"has radtme {theirs}, this machine has {ours}: install the same version everywhere"
            elif threads[worker] > 1:
                objection = "has several threads: start it with dask worker --nthreads 1, and --nworkers for each core"
            self._objections[worker] = objection
            if objection:
                self._say(f"the worker {worker} gets no work: it {objection}")

    def _note(self, has_workers: bool) -> None:
        now = time.monotonic()
        if has_workers:
            self._had_workers, self._has_said = now, False
        elif now - self._had_workers > WORKERLESS_SECONDS:
            raise ComputingError(
                "the Dask scheduler has no worker that can be used; start some, then run the same command: what was "
                "finished is kept"
            )
        elif self._scheduler and now - self._had_workers > SAY_SECONDS and not self._has_said:
            self._has_said = True
            self._say(
                f"waiting up to {WORKERLESS_SECONDS:.0f} s for workers: the Dask scheduler has none that can be used; "
                f"start them with dask worker {self._scheduler} --nthreads 1 --nworkers N"
            )


def gone() -> ComputingError:
    """Return the error of a scheduler that is not there any more."""
    return ComputingError(
        "the connection to the Dask scheduler was lost; start it again, then run the same command: what was finished "
        "is kept"
    )


def installed_version() -> str:
    """Return the version of radtme where this runs."""
    return version("radtme")
