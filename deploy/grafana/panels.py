"""The kinds of panels in the dashboards: each has a unit, a description and a useful empty state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

GREEN, AMBER, RED = "green", "orange", "red"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
LEDGER_TYPE = "grafana-postgresql-datasource"
LEDGER = DataSourceRef(type_val=LEDGER_TYPE, uid="${datasource}")
WIDTH = 24
EMPTY = "no data yet"

Panel = stat.Panel | timeseries.Panel | table.Panel | bargauge.Panel


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and what its series are called."""

    expression: str
    legend: str = ""


def quantile(share: float, metric: str, window: str, by: str = "") -> str:
    """Return the value that this share of a histogram's observations within ``window`` did not exceed."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket[{window}])))"


def most_common(metric: str, by: str, window: str) -> str:
    """Return what a counter grew by within ``window``, the largest first; "none" where nothing grew."""
    grew = f"sort_desc(sum by ({by}) (increase({metric}[{window}])) > 0)"
    return f'{grew} or on() label_replace(vector(0), "{by.partition(",")[0]}", "none", "", "")'


def whole_day(counter: str) -> str:
    """Return how often something happened in the last 24 hours, as a whole number: Prometheus extrapolates."""
    return f"round(sum(increase({counter}[24h])))"


def grown(metric: str, by: str, window: str = "1h") -> str:
    """Return what a counter grew by within ``window``, by label."""
    return f"sum by ({by}) (increase({metric}[{window}]))"


def number(
    title: str,
    description: str,
    query: str,
    unit: str = "short",
    *,
    steps: Sequence[tuple[float, str]] = (),
    empty: str = EMPTY,
    legend: str = "",
    width: int = 4,
    decimals: int | None = None,
    words: Mapping[str, str] | None = None,
) -> stat.Panel:
    """Return one number (or one per series), coloured from each step's value on; green below the first.

    With ``words`` for 0 and 1, it is red below 1.
    """
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .no_value(empty)
        .datasource(SOURCE)
        .thresholds(_thresholds([(1, GREEN)], RED) if words else _thresholds(steps))
        .color_mode(BigValueColorMode.VALUE if steps or words else BigValueColorMode.NONE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(Query(query, legend), instant=True))
        .span(width)
        .height(4)
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    if words:
        panel = panel.mappings([_words(words)])
    return panel


def graph(
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str = "short",
    *,
    stacked: bool = False,
    steps: Sequence[tuple[float, str]] = (),
    empty: str = EMPTY,
    width: int = 12,
    maximum: float | None = None,
) -> timeseries.Panel:
    """Return lines over time, with their last values in a table below."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .no_value(empty)
        .datasource(SOURCE)
        .fill_opacity(25 if stacked else 8)
        .line_width(2)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .span(width)
        .height(9)
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if steps:
        panel = panel.thresholds(_thresholds(steps))
    if maximum is not None:
        panel = panel.max(maximum)
    for query in queries:
        panel = panel.with_target(_target(query))
    return panel


def bars(
    title: str,
    description: str,
    query: Query,
    unit: str = "short",
    *,
    steps: Sequence[tuple[float, str]] = (),
    empty: str = EMPTY,
    width: int = 12,
    height: int = 9,
) -> bargauge.Panel:
    """Return one bar per series, for what is counted by reason."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .no_value(empty)
        .datasource(SOURCE)
        .thresholds(_thresholds(steps))
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(query, instant=True))
        .span(width)
        .height(height)
    )


def rows(
    title: str,
    description: str,
    query: str,
    value: str,
    unit: str = "short",
    *,
    empty: str = EMPTY,
    width: int = 12,
    hide: Sequence[str] = ("Time",),
) -> table.Panel:
    """Return a table with a row per series: its labels, and its value under the name ``value``."""
    target = _target(Query(query), instant=True)
    target._internal.format_val = "table"  # type: ignore[assignment]  # the builder has no name for it
    options = {"excludeByName": dict.fromkeys(hide, True), "renameByName": {"Value": value}}
    return (
        table.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .no_value(empty)
        .datasource(SOURCE)
        .with_target(target)
        .with_transformation(DataTransformerConfig(id_val="organize", options=options))
        .span(width)
        .height(9)
    )


def ledger_rows(title: str, description: str, query: str, *, empty: str = EMPTY, width: int = 12) -> table.Panel:
    """Return a table of what an SQL query finds in the ledger's views; its columns are those of the query."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .unit("short")
        .no_value(empty)
        .datasource(LEDGER)
        .with_target(_LedgerQuery(query))
        .span(width)
        .height(9)
    )


class _LedgerQuery(Builder[Dataquery]):
    """An SQL query in Grafana's own words: the SDK has no builder for PostgreSQL."""

    def __init__(self, query: str) -> None:
        self._query = query

    def build(self) -> UnknownDataquery:
        """Return the query as the panel holds it."""
        return UnknownDataquery({"rawSql": self._query, "rawQuery": True, "editorMode": "code", "format": "table"})


def ledger_board(
    uid: str, title: str, description: str, rows_of_panels: Mapping[str, Sequence[Panel]]
) -> dashboard.Dashboard:
    """Return a dashboard on the ledger in PostgreSQL, with a field for the case that is looked for."""
    field = dashboard.TextBoxVariable("case").label("Study Instance UID or job id").default_value("")
    return _board(uid, title, description, rows_of_panels, LEDGER_TYPE).with_variable(field)


def board(uid: str, title: str, description: str, rows_of_panels: Mapping[str, Sequence[Panel]]) -> dashboard.Dashboard:
    """Return a dashboard: panels in titled rows, and a list of data sources to choose from."""
    return _board(uid, title, description, rows_of_panels, "prometheus")


def _board(
    uid: str, title: str, description: str, rows_of_panels: Mapping[str, Sequence[Panel]], source: str
) -> dashboard.Dashboard:
    builder = (
        dashboard.Dashboard(title)
        .uid(f"radtme-{uid}")
        .description(description)
        .tags(["radtme"])
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink("radtme")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["radtme"])
            .as_dropdown(False)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type(source))
    )
    for name, panels in rows_of_panels.items():
        builder = builder.with_row(dashboard.Row(name))
        for panel in panels:
            builder = builder.with_panel(panel)
    return builder


def _target(query: Query, *, instant: bool = False) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend or "__auto")
    return target.instant() if instant else target.range()


def _thresholds(steps: Sequence[tuple[float, str]], below: str = GREEN) -> dashboard.ThresholdsConfig:
    colours = [Threshold(value=None, color=below), *(Threshold(value=value, color=colour) for value, colour in steps)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours)


def _words(words: Mapping[str, str]) -> ValueMap:
    return ValueMap(
        options={value: ValueMappingResult(text=text) for value, text in words.items()},
    )
