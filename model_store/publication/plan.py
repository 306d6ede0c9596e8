"""Section ``publish`` of a study's configuration."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PublishPlan:
    """Section ``publish``: the parts of the model card that cannot be computed."""

    intended_use: str = "Research on the tumour immune phenotype. Not for decisions about a patient."
    not_for: str = "Care of patients; tumours or scanners unlike those of the training cases; other organs."
    data_source: str = ""
    """Where the cases come from."""
    data_period: str = ""
    """From when to when the patients were examined."""
    setting: str = ""
    """How many centres, of which kind, and where."""
    eligibility: str = ""
    """Who was included, and who was not."""
    treatments: str = ""
    """What the patients received before the images, and before the outcome."""
    participants: str = ""
    """Their characteristics: age, stage, subtype."""
    outline_readers: str = ""
    """Who drew the outlines, with which training, and how."""
    label_source: str = ""
    """How the phenotype was determined."""
    label_assessors: str = ""
    """Who assessed what requires judgement."""
    healthcare_context: str = ""
    """The intended role in patient care, and why it is needed."""
    registration: str = ""
    ethics: str = ""
    funding: str = ""
    limitations: tuple[str, ...] = ()
    contact: str = ""
    protocol: str = ""
    """Where the protocol of the validation, written before it, can be read."""
    protocol_file: Path | None = None
    """The same file as train.protocol: its hash has to be the one that was declared at training."""
    conflicts_of_interest: str = ""
    patient_involvement: str = ""
    sample_size: str = ""
    """How the number of cases was chosen."""
    blinding: str = ""
    """Whether the assessors of the label did not know the images, and the readers of the outlines not the label."""
    data_sharing: str = ""
    validated: bool = False
    """Without the notice on every result: only where all requirements of `model_store.signatures.claims` are met."""
    research_notice: str = "RESEARCH - not validated - not for clinical use"
    activate: bool = False
    """Let it score as soon as it is published."""

    def __post_init__(self) -> None:
        """Refuse a validated signature without a protocol, and another one without a notice.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if self.validated and (not self.protocol.strip() or self.protocol_file is None):
            raise ValueError("protocol: expected a reference to it and protocol_file, because validated is set")
        if not self.validated and not self.research_notice.strip():
            raise ValueError("research_notice: expected a notice, because validated is not set")
