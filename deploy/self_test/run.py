"""Follows a generated case through the running service, step by step, as the spool shows it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydicom import Dataset, dcmread
from redis import Redis, RedisError

from deploy.configuration.settings import Configuration
from deploy.errors import Unreachable
from deploy.network.dicom_files import DicomFile
from deploy.network.send import SendOutcome, send_files
from deploy.self_test.features import complaint, has_canary, reported_features
from deploy.self_test.steps import Checked, SelfTestStep, StepFailed, StepSkipped, Verdict
from deploy.self_test.study import SelfTestStudy
from listener.ledger.deliveries import DeliveryState
from listener.ledger.self_test_recipients import SELF_TEST_TARGET
from listener.pairing.readiness import waiting_for
from listener.spool.job_notes import RESULT_NAME
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.record_file import read_record
from workers.delivery.outbox import read_delivery
from workers.delivery.record import DeliveryRecord
from workers.errors import TransientFailure
from workers.results.instance_reference import InstanceReference
from workers.results.result_record import ResultRecord, read_intact_result
from workers.results.result_roles import ResultRole
from workers.targets.dimse import transport_of
from workers.targets.target import Target
from workers.targets.transport import TargetRefused

T = TypeVar("T")
POLL_SECONDS = 0.1
ASK_AGAIN_SECONDS = 2.0
SEND_TIMEOUT_SECONDS = 30.0
SEE_ERRORS = "radtme status and the log say more"


class SelfTestRun:
    """One case in the service. Each step waits for an outcome of the service and describes it."""

    def __init__(
        self,
        configuration: Configuration,
        study: SelfTestStudy,
        calling_ae_title: str,
        target: Target | None,
        sink: Path | None,
        limit_seconds: float,
    ) -> None:
        self._configuration = configuration
        self._spool = configuration.spool
        self._study = study
        self._calling = calling_ae_title
        self._target = target
        """None: the built-in sink, which writes to the folder ``sink``; None too: no target receives it."""
        self._sink = sink
        self._limit = limit_seconds
        self._end = time.monotonic() + limit_seconds
        self.job_id = job_id_for(study.outline.sop_instance_uid, 1)

    def steps(self) -> Iterator[Checked]:
        """Run the steps in order; after a failed one the others are skipped, except after a failed comparison."""
        works: dict[SelfTestStep, Callable[[], str]] = {
            SelfTestStep.SENT: self._send_first,
            SelfTestStep.ACKNOWLEDGED: self._send_rest,
            SelfTestStep.PAIRED: self._paired,
            SelfTestStep.SCORED: self._scored,
            SelfTestStep.FEATURES: self._features,
            SelfTestStep.DELIVERED: self._delivered,
            SelfTestStep.SEEN: self._seen,
        }
        failed = False
        for step, work in works.items():
            if failed:
                yield Checked(step, Verdict.NOT_REACHED)
                continue
            start = time.monotonic()
            try:
                detail, remedy, verdict = work(), "", Verdict.OK
            except StepSkipped as skipped:
                detail, remedy, verdict = str(skipped), "", Verdict.SKIPPED
            except StepFailed as failure:
                detail, remedy, verdict = failure.detail, failure.remedy, Verdict.FAILED
            failed = (
                verdict is Verdict.FAILED and step is not SelfTestStep.FEATURES
            )  # results with deviating features are delivered as well
            yield Checked(step, verdict, time.monotonic() - start, detail, remedy)

    # The steps --------------------------------------------------------------------------------------------------------

    def _send_first(self) -> str:
        """Send one image, then the outline: what they leave in the spool shows that the right listener runs there.

        Without its other images the outline cannot be scored.
        """
        peer = self._configuration.own_listener()
        try:
            self._send([self._study.images[0]])
            if not self._is_kept(self._study.images[0]):
                raise StepFailed(
                    f"{peer} acknowledged an image that is not in the spool of this configuration",
                    "another installation listens there: check listener.port and data, and --config",
                )
            self._send([self._study.outline])
        except Unreachable as error:
            raise StepFailed(error.message, f"{error.advice}; is radtme listen (or radtme up) running?") from error
        if not self._job().record.is_self_test:
            raise StepFailed(
                f"{peer} did not recognise the study as a self-test",
                "restart the listener with this version, and run the command as the listener's user",
            )
        return f"to {peer} as {self._calling}"

    def _send_rest(self) -> str:
        try:
            self._send(self._study.images[1:])
        except Unreachable as error:
            raise StepFailed(error.message, error.advice) from error
        missing = sum(not self._is_kept(file) for file in self._study.files)
        if missing:
            raise StepFailed(f"{missing} of {len(self._study.files)} objects are not in the spool", SEE_ERRORS)
        return f"{len(self._study.files)} objects with 0x0000, and in the spool"

    def _paired(self) -> str:
        while (job := self._job()).state is JobState.WAITING:
            self._wait(
                f"still waits: {waiting_for(self._spool, job)}",
                "pairing runs in a thread of the listener: check its /healthz and log",
            )
        record = self._job().record
        if record.not_complete:
            raise StepFailed(record.not_complete.message, "listener.deadline_seconds is very short")
        return f"{sum(map(len, (record.instances or {}).values()))} images with their outline"

    def _scored(self) -> str:
        while (result := read_intact_result(job := self._job())) is None:
            if job.state is JobState.FAILED:
                failure = job.failure
                raise StepFailed(f"{failure.reason}: {failure.message}" if failure else "it failed", SEE_ERRORS)
            self._wait(f"still {job.state.value}", lambda job=job: self._why_not_scored(job.state))  # type: ignore[misc]
        if result.rejection is not None:
            reason, message = result.rejection.reason, result.rejection.message
            raise StepFailed(f"{reason}: {message}", "see docs/not-scored.md")
        if result.score is None or result.signature is None:
            raise StepFailed(f"the result is {result.outcome}", SEE_ERRORS)
        return f"{result.score.hot_probability:.4f} by {result.signature.id}"

    def _why_not_scored(self, state: JobState) -> str:
        if state is JobState.RUNNING:
            return "a worker is processing it: raise --timeout, or see the worker's log"
        try:
            Redis.from_url(self._configuration.workers.redis_url, socket_connect_timeout=1, socket_timeout=1).ping()
        except RedisError:
            return "Redis does not answer, so that no worker is notified: start Redis"
        return "no worker took it: check that radtme work (queue compute) runs with the same spool and Redis"

    def _features(self) -> str:
        result = read_record(ResultRecord, self._job().folder / RESULT_NAME)
        assert result.signature is not None  # noqa: S101 - it was scored
        profile = result.signature.profile
        if not has_canary(profile):
            raise StepSkipped(f"profile {profile} has no expected values for this case")
        name = f"{ResultRole.FEATURE_REPORT.value}.dcm"
        found = reported_features(self._job().folder / "objects" / name, profile)
        if (said := complaint(found, profile)) is not None:
            raise StepFailed(said, "install the library versions that requirements/service.txt locks")
        return f"{len(found)} of profile {profile}, as expected"

    def _delivered(self) -> str:
        name = self._target.name if self._target else SELF_TEST_TARGET
        if self._target is None and self._sink is None:
            while self._job().state is not JobState.DONE:
                self._wait(f"still {self._job().state.value}", SEE_ERRORS)
            raise StepSkipped("not requested")
        while (entry := self._entry(name)) is None or entry.state is not DeliveryState.DELIVERED:
            job = self._job()
            if entry is None and job.state is JobState.DONE:
                raise StepFailed(
                    f"the workers have no target {name} that accepts these results",
                    "reload their configuration: send SIGHUP to the workers (or to radtme up)",
                )
            if entry is not None and entry.state is DeliveryState.REFUSED:
                raise StepFailed(f"{name} refused: {entry.last_error}", f"radtme probe {name} shows what it accepts")
            said = f"{entry.state.value}: {entry.last_error or 'no attempt yet'}" if entry else "not started"
            self._wait(said, self._why_not_delivered(entry))
        while self._job().state is JobState.DELIVERING:
            self._wait("everything is delivered, but the job is still open", "see the log of the delivery worker")
        return f"{len(entry.taken)} objects to {name}"

    def _why_not_delivered(self, entry: DeliveryRecord | None) -> str:
        if entry is not None and entry.tries:
            return (
                f"radtme echo {self._target.name}"
                if self._target
                else "the delivery worker cannot reach this machine: use --sink-host NAME or --no-delivery"
            )
        return "is a worker for the queue delivery running?"

    def _seen(self) -> str:
        if self._sink is not None:
            return self._seen_in_sink(self._sink)
        if self._target is None:
            raise StepSkipped("no target to check")
        entry = self._entry(self._target.name)
        assert entry is not None  # noqa: S101 - it was delivered
        wanted = [word.instance for word in entry.taken.values()]
        missing = {one.sop_instance_uid for one in wanted} - entry.seen
        while missing:
            missing -= self._listed(self._target, wanted)
            if missing:
                self._wait(
                    f"{len(missing)} of {len(wanted)} objects are not listed",
                    "the target accepted them: search the PACS, for example its folder for unmatched objects",
                    ASK_AGAIN_SECONDS,
                )
        return f"{len(wanted)} objects are listed by {self._target.name}"

    def _listed(self, target: Target, wanted: list[InstanceReference]) -> frozenset[str]:
        try:
            return transport_of(target).seen(target, self._configuration.workers.ae_title, wanted)
        except TargetRefused as error:
            raise StepSkipped(f"{target.name} cannot be queried: {error}") from error
        except TransientFailure as error:
            raise StepFailed(f"{target.name}: query failed: {error}", f"radtme probe {target.name}") from error

    def _seen_in_sink(self, sink: Path) -> str:
        made = sorted((self._job().folder / "objects").glob("*.dcm"))
        for path in made:
            sent = dcmread(path)
            came = sink / f"{sent.SOPInstanceUID}.dcm"
            if not came.is_file() or _values(dcmread(came)) != _values(sent):
                raise StepFailed(f"the {path.stem} arrived changed or not at all", "please report this")
        return f"{len(made)} objects arrived unchanged"

    # Observations ---------------------------------------------------------------------------------------------------

    def _send(self, files: tuple[DicomFile, ...] | list[DicomFile]) -> None:
        sent = send_files(self._configuration.own_listener(), self._calling, files, SEND_TIMEOUT_SECONDS)
        failed = [one for one in sent if one.outcome is not SendOutcome.STORED]
        if failed:
            raise StepFailed(
                f"{len(failed)} of {len(sent)} objects: {failed[0].outcome.value}, {failed[0].answer}",
                "docs/spool.md explains each status; 0xA700 means a full disk",
            )

    def _is_kept(self, file: DicomFile) -> bool:
        study = self._spool.studies / self._study.study_uid
        return any(study.glob(f"*/{file.sop_instance_uid}.dcm"))

    def _job(self) -> Job:
        job = self._spool.find_job(self.job_id)
        if job is None:
            raise StepFailed("the job no longer exists", "it was removed: radtme audit shows by whom")
        return job

    def _entry(self, target: str) -> DeliveryRecord | None:
        return read_delivery(self._spool.ledger, self.job_id, target)

    def _wait(self, what: str, remedy: str | Callable[[], str], seconds: float = POLL_SECONDS) -> None:
        if time.monotonic() > self._end:
            advice = remedy if isinstance(remedy, str) else remedy()
            raise StepFailed(f"not within {self._limit:g} s: {what}", advice)
        time.sleep(seconds)


def _values(dataset: Dataset) -> dict[int, Any]:
    """Return the content, whatever its transfer syntax."""
    return {int(element.tag): element.value for element in dataset}
