"""The items of TRIPOD+AI (Collins et al., BMJ 385:e078378, 2024), and where a study of radtme answers them.

The words of the items are shortened; the statement itself is what to report by.
"""

from collections.abc import Mapping

NOT_REPORTED = "not reported"

_TITLE, _DOES, _DATA, _TRAINING, _PERFORMANCE, _LIMITS = (
    "title of this card",
    "What it does",
    "Data and labels",
    "Training",
    "Performance; Validation",
    "Limits",
)

ITEMS: tuple[tuple[str, str, str], ...] = (
    ("1", "Title: what is developed or evaluated, for whom, which outcome", _TITLE),
    ("2", "Abstract", ""),
    ("3a", "Healthcare context and why the model is needed", "=healthcare_context"),
    ("3b", "Target population, purpose and intended users", "=intended_use"),
    ("3c", "Known health inequalities between groups", ""),
    ("4", "Objectives: development, evaluation, or both", _DOES),
    ("5a", "Sources of data for development and evaluation", "=data_source"),
    ("5b", "Dates of the data", "=data_period"),
    ("6a", "Setting: number and location of centres", "=setting"),
    ("6b", "Eligibility of participants", "=eligibility"),
    ("6c", "Treatments received", "=treatments"),
    ("7", "Data preparation and quality checks", "Feature profile"),
    ("8a", "Outcome: what, when and how it is assessed", "=label_source"),
    ("8b", "Who assessed an outcome that needs interpretation", "=label_assessors"),
    ("8c", "Blinding of the outcome's assessment", "=blinding"),
    ("9a", "Choice of the initial predictors", "Feature profile; Training (features left out)"),
    ("9b", "Definition of all predictors, when and how measured", "Feature profile; Columns"),
    ("9c", "Who assessed predictors that need interpretation", "=outline_readers"),
    ("10", "Sample size", "=sample_size"),
    ("11", "Missing data", "Training (features left out); Training cases (left out)"),
    ("12a", "How data were used: development, evaluation, partition", _TRAINING),
    ("12b", "How predictors were handled in the analysis", _TRAINING),
    ("12c", "Type of model, building steps, tuning, internal validation", _TRAINING),
    ("12d", "Heterogeneity across clusters", "Validation (subgroups of site and scanner)"),
    ("12e", "Measures of performance", _PERFORMANCE),
    ("12f", "Model updating", "none was done"),
    ("12g", "How predictions were calculated for the evaluation", _DOES),
    ("13", "Class imbalance", "Training (imbalance)"),
    ("14", "Fairness", "Validation (subgroups)"),
    ("15", "Output of the model and threshold", _DOES),
    ("16", "Differences between development and evaluation data", "Validation"),
    ("17", "Ethical approval", "=ethics"),
    ("18a", "Funding", "=funding"),
    ("18b", "Conflicts of interest", "=conflicts_of_interest"),
    ("18c", "Protocol", "=protocol"),
    ("18d", "Registration", "=registration"),
    ("18e", "Availability of data", "=data_sharing"),
    ("18f", "Availability of code", "this bundle, with the radtme version that wrote it"),
    ("19", "Patient and public involvement", "=patient_involvement"),
    ("20a", "Flow of participants", "Training cases (left out); Validation (left out)"),
    ("20b", "Characteristics of participants", "=participants"),
    ("20c", "Comparison of development and evaluation participants", ""),
    ("21", "Numbers of participants and events in each analysis", _PERFORMANCE),
    ("22", "The full model", "estimator.skops in this bundle"),
    ("23a", "Performance with confidence intervals", _PERFORMANCE),
    ("23b", "Heterogeneity in performance across clusters", "Validation (subgroups)"),
    ("24", "Results of model updating", "none was done"),
    ("25", "Interpretation", ""),
    ("26", "Limitations", _LIMITS),
    ("27a", "Handling of poor or missing input", "cases that lack a feature of the score are not scored"),
    ("27b", "Interaction and expertise that users need", "an outline by a radiologist; Limits"),
    ("27c", "Next steps, generalisability", ""),
)
"""Number, topic, and where it is answered: a section, ``=field`` of what the study's owner wrote, or nowhere."""

_NEEDS_VALIDATION = ("Validation",)


def checklist(written: Mapping[str, str], *, validated_on_others: bool) -> list[tuple[str, str, str]]:
    """Return each item with where it is answered, or that it is not reported.

    ``written`` are the texts of the plan by field; what only a validation answers is not reported without one.
    """
    rows = []
    for number, topic, where in ITEMS:
        answer = where
        if where.startswith("="):
            answer = "Data and labels" if written.get(where[1:], "").strip() else ""
            if where == "=intended_use" and answer:
                answer = "Intended use"
        elif where.startswith(_NEEDS_VALIDATION) and not validated_on_others:
            answer = ""
        rows.append((number, topic, answer or NOT_REPORTED))
    return rows
