"""The stages that a case passes through in a worker, and the measurement of their time."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum


class Stage(StrEnum):
    """A stage of a case, in the order of the flow."""

    READ = "read"
    PHASES = "phases"
    VOLUME = "volume"
    ROI = "roi"
    PREPROCESS = "preprocess"
    RING = "ring"
    FEATURES = "features"
    SCORE = "score"
    STABILITY = "stability"
    SEGMENTATION = "segmentation"
    KEY_IMAGE = "key_image"
    REPORTS = "reports"
    WRITE = "write"

    @property
    def shown(self) -> str:
        """The name of the stage as people read it; the value is for labels and records."""
        return "region of interest" if self is Stage.ROI else self.value.replace("_", " ")


StageTimer = Callable[[Stage], AbstractContextManager[None]]
"""Called at the start of each stage; the context manager it returns ends with the stage."""


@contextmanager
def untimed(stage: Stage) -> Iterator[None]:
    """Measure nothing."""
    yield


class StageSeconds:
    """Adds up the wall-clock seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}

    @contextmanager
    def __call__(self, stage: Stage) -> Iterator[None]:
        """Time one stage; a stage that comes twice is added up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
