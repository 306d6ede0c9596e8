"""Objections to scoring a case, and whether they refuse it: the signature's contract and the site's exceptions.

Each check returns objections; `Acceptance.judge` turns them into a refusal or into warnings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from model_store.signatures.acceptance import DEFAULT_ACCEPTANCE, AcceptanceContract, Criterion
from workers.errors import Reason, RejectedInput
from workers.notes import Note, warning

REASON_OF: Mapping[Criterion, Reason] = MappingProxyType(
    {
        Criterion.TECHNIQUE: Reason.OTHER_TECHNIQUE,
        Criterion.DERIVATION: Reason.DERIVED_IMAGES,
        Criterion.BODY_PART: Reason.OTHER_BODY_PART,
        Criterion.CONTRAST_PHASE: Reason.BEFORE_CONTRAST,
        Criterion.PHASE_NUMBER: Reason.OTHER_PHASE,
        Criterion.ACQUISITION: Reason.OTHER_ACQUISITION,
        Criterion.SPACING: Reason.OTHER_SPACING,
        Criterion.SCANNER: Reason.OTHER_SCANNER,
        Criterion.GREY_LEVELS: Reason.TOO_FEW_GREY_LEVELS,
        Criterion.FEATURE_RANGE: Reason.FEATURES_OUT_OF_RANGE,
        Criterion.TRAINING_DISTANCE: Reason.UNLIKE_TRAINING,
    }
)
"""Why a case that fails a criterion is not scored."""
HEADINGS: Mapping[Criterion, str] = MappingProxyType(
    {
        Criterion.TECHNIQUE: "Other technique",
        Criterion.DERIVATION: "Computed images",
        Criterion.BODY_PART: "Other body part",
        Criterion.CONTRAST_PHASE: "Before contrast",
        Criterion.PHASE_NUMBER: "Other phase than at training",
        Criterion.ACQUISITION: "Acquisition unlike training",
        Criterion.SPACING: "Spacing unlike training",
        Criterion.SCANNER: "Scanner unknown to training",
        Criterion.GREY_LEVELS: "Too few grey levels",
        Criterion.FEATURE_RANGE: "Features out of training range",
        Criterion.TRAINING_DISTANCE: "Unlike the training cases",
    }
)
"""The same in few words, for the key image."""


@dataclass(frozen=True)
class Objection:
    """Evidence against a criterion."""

    criterion: Criterion
    message: str
    """Names the object, what was found and what to do."""


@dataclass(frozen=True)
class Acceptance:
    """By what a case is judged."""

    contract: AcceptanceContract = DEFAULT_ACCEPTANCE
    noted: frozenset[Criterion] = frozenset()
    """Criteria that the site lets note what they would refuse."""

    def judge(self, objections: Iterable[Objection]) -> tuple[Note, ...]:
        """Return the warnings that the site asked for in place of refusals.

        Raises
        ------
        RejectedInput
            For the first objection whose criterion the site did not set to note.
        """
        return tuple(map(self._judged, objections))

    def _judged(self, objection: Objection) -> Note:
        criterion = objection.criterion
        if criterion not in self.noted:
            raise RejectedInput(REASON_OF[criterion], objection.message)
        return warning(
            f"Scored although criterion '{criterion}' is not met, because this site set it to note: "
            f"{objection.message}",
            HEADINGS[criterion],
        )


DEFAULT = Acceptance()
