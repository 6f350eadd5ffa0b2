"""Charts of event types; a type has the same colour in all of them."""

from collections.abc import Mapping

import altair as alt
import pyarrow as pa

from cloudpulse.explorer.frames import Table

COLORS = {
    "page_view": "#4c7df0",
    "click": "#129aad",
    "api_call": "#8a68f0",
    "form_submit": "#e67700",
    "error": "#e03131",
    "custom": "#7b8799",
}
"""Those of the dashboard, between its dark and its light ones."""


def by_type(counts: Mapping[str, int]) -> alt.Chart:
    """A bar for each type, in the order given."""
    data = pa.table({"type": list(counts), "events": list(counts.values())})
    chart: alt.Chart = (
        alt.Chart(data, height=alt.Step(34))
        .mark_bar()
        .encode(
            x=alt.X("events:Q", title="events", axis=alt.Axis(format=",d", tickMinStep=1)),
            y=alt.Y("type:N", title=None, sort=list(counts)),
            color=_color(counts, None),
            tooltip=["type:N", alt.Tooltip("events:Q", format=",")],
        )
    )
    return chart


def over_time(table: Table) -> alt.Chart:
    """A line for each type, from a column ``time`` and one for each type."""
    types = [name for name in table if name != "time"]
    data = pa.table(
        {
            "time": table["time"] * len(types),
            "type": [name for name in types for _ in table["time"]],
            "events": [events for name in types for events in table[name]],
        }
    )
    chart: alt.Chart = (
        alt.Chart(data, height=360)
        .mark_line(point=len(table["time"]) == 1)
        .encode(
            x=alt.X("time:T", title=None),
            y=alt.Y("events:Q", title="events", axis=alt.Axis(format=",d", tickMinStep=1)),
            color=_color(types, alt.Legend(title=None, orient="bottom", columns=3)),
            tooltip=[alt.Tooltip("time:T", format="%Y-%m-%d %H:%M"), "type:N", alt.Tooltip("events:Q", format=",")],
        )
    )
    return chart


def _color(types: Mapping[str, int] | list[str], legend: alt.Legend | None) -> alt.Color:
    scale = alt.Scale(domain=list(types), range=[COLORS[name] for name in types])
    return alt.Color("type:N", scale=scale, legend=legend)
