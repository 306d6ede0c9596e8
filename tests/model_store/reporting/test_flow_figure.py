"""The flow of cases: nobody is lost between the boxes."""

from model_store.reporting.flow_figure import Flow, flow_figure


def test_each_cohort_has_its_cases_reasons_and_analysed_cases() -> None:
    """Reasons that left nobody out are not shown; what is left adds up."""
    flows = [
        Flow.of("training", 36, 14, {"not measured": 2, "without a label": 0, "of a rare scanner": 4}),
        Flow.of("treated", 18, None, {}),
    ]
    assert [flow.found for flow in flows] == [42, 18]
    texts = [text.get_text() for text in flow_figure(flows).axes[0].texts if text.get_text()]
    assert texts == [
        "training\n42 cases in the table",
        "left out:\n2 not measured\n4 of a rare scanner",
        "36 cases analysed (14 hot, 22 cold)",
        "treated\n18 cases in the table",
        "none left out",
        "18 cases analysed",
    ]
