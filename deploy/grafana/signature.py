"""The dashboard "Signature and drift".

Which signature scores, and are the cases like those it was trained on?
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import AMBER, RED, Query, bars, board, graph, most_common, number, rows

STEPS = [(0.1, AMBER), (0.25, RED)]


def signature() -> Dashboard:
    """Return the dashboard for the people responsible for the signature."""
    return board(
        "signature",
        "radtme: Signature and drift",
        "Which signature scores, and are the cases like those that it was trained on?",
        {
            "Which signature": [
                rows(
                    "Active signature",
                    "The one that scores the cases.",
                    "max by (id, version, digest) (radtme_active_signature)",
                    "active",
                    width=8,
                    hide=("Time", "Value"),
                    empty="no active signature: cases are not scored",
                ),
                number(
                    "Verified",
                    "Does it pass its verification?",
                    "min(radtme_signature_usable)",
                    words={"1": "yes", "0": "NO"},
                ),
                number(
                    "Hot, 7 days",
                    "Share of the scored cases with the verdict hot.",
                    'sum(increase(radtme_verdicts_total{phenotype="hot"}[7d])) '
                    "/ sum(increase(radtme_verdicts_total[7d]))",
                    "percentunit",
                    empty="none scored",
                ),
                number(
                    "Uncertain, 7 days",
                    "Share of the scored cases whose verdict is uncertain.",
                    'sum(increase(radtme_verdicts_total{phenotype="uncertain"}[7d])) '
                    "/ sum(increase(radtme_verdicts_total[7d]))",
                    "percentunit",
                    empty="none scored",
                ),
                number(
                    "Not scored, 7 days",
                    "Share of the cases that were not scored.",
                    'sum(increase(radtme_cases_total{outcome="not_scored"}[7d])) / '
                    'sum(increase(radtme_cases_total{outcome=~"scored|not_scored"}[7d]))',
                    "percentunit",
                    empty="no case",
                ),
            ],
            "Scores": [
                graph(
                    "Score quartiles",
                    "From 0 (cold) to 1 (hot): lower quartile, median and upper quartile of the last 24 hours.",
                    [
                        Query(f"histogram_quantile({share}, sum by (le) (increase(radtme_score_bucket[24h])))", name)
                        for share, name in ((0.25, "lower quartile"), (0.5, "median"), (0.75, "upper quartile"))
                    ],
                    "percentunit",
                    maximum=1,
                    empty="no case",
                ),
                bars(
                    "Not scored by reason, 7 days",
                    "Each reason is explained in the documentation.",
                    Query(most_common("radtme_cases_not_scored_total", "reason", "7d"), "{{reason}}"),
                    empty="every case was scored",
                ),
            ],
            "Drift": [
                bars(
                    "Population stability index of the strongest features",
                    "Shift from the training distribution, by scanner. Below 0.1: none; above 0.25: investigate. Shown "
                    "for scanners with at least 30 cases.",
                    Query(
                        "sort_desc(max by (scanner, feature) (radtme_feature_stability_index))",
                        "{{scanner}}: {{feature}}",
                    ),
                    steps=STEPS,
                    empty="fewer than 30 cases",
                    width=24,
                    height=12,
                ),
                bars(
                    "Features outside the training range",
                    "Share of the score's features, mean over the recent cases of a scanner.",
                    Query("max by (scanner) (radtme_recent_features_outside_training_ratio)", "{{scanner}}"),
                    "percentunit",
                    steps=[(0.1, AMBER), (0.2, RED)],
                    empty="no case of this signature",
                    width=6,
                ),
                bars(
                    "Uncertain by scanner",
                    "Share of its recent cases whose verdict is uncertain.",
                    Query("max by (scanner) (radtme_recent_uncertain_ratio)", "{{scanner}}"),
                    "percentunit",
                    empty="no case of this signature",
                    width=6,
                ),
                bars(
                    "Scored as hot by scanner",
                    "Share of its recent cases, by the threshold, certain or not. Two scanners of one hospital should "
                    "not differ much.",
                    Query("max by (scanner) (radtme_recent_hot_ratio)", "{{scanner}}"),
                    "percentunit",
                    empty="no case of this signature",
                    width=6,
                ),
                bars(
                    "Cases by scanner",
                    "Recent cases that these shares are computed from (at most 200).",
                    Query("max by (scanner) (radtme_recent_cases)", "{{scanner}}"),
                    empty="no case of this signature",
                    width=6,
                ),
                bars(
                    "Shadow signature beside the active one, 7 days",
                    "Does the shadow signature agree with the active one? Its scores are stored, never sent.",
                    Query(most_common("radtme_shadow_cases_total", "outcome", "7d"), "{{outcome}}"),
                    empty="no shadow",
                    width=12,
                ),
                bars(
                    "What readers say of results",
                    "Delivered results that readers accepted, modified or rejected, by signature "
                    "(listener.assessments); the last 1,000 assessments.",
                    Query(
                        "max by (signature, calling_ae_title, assessment) (radtme_assessed_results)",
                        "{{assessment}}, {{signature}}, {{calling_ae_title}}",
                    ),
                    empty="no assessment",
                    width=12,
                ),
            ],
        },
    )
