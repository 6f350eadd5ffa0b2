"""The page: Streamlit runs this script whenever something is chosen or has happened."""

import streamlit as st

from cloudpulse.explorer import api, events, overview, sql
from cloudpulse.explorer.follow import Glance, begin, follow
from cloudpulse.explorer.frames import clock, plain
from cloudpulse.explorer.problems import tell, told
from cloudpulse.explorer.selection import Selection
from cloudpulse.explorer.sidebar import BOUND, choose

TABS = ("Overview", "Events", "SQL")


def main() -> None:
    """Draw everything."""
    st.set_page_config(page_title="CloudPulse Explorer", layout="wide")
    selection, follows = choose()
    now = begin()
    if follows:
        follow()
    if now.problem:
        tell(now.problem)
    else:
        with told():
            _draw(selection, now)


def _draw(selection: Selection, now: Glance) -> None:
    client = api.client()
    st.caption(f"As of {clock(now.as_of, selection.tz)} · {plain(selection.tz)} · {plain(client.url)}")
    overview_tab, events_tab, sql_tab = st.tabs(TABS, key="view", on_change="rerun", bind=BOUND)
    with overview_tab:
        if overview_tab.open:
            overview.show(client, selection)
    with events_tab:
        if events_tab.open:
            events.show(client, selection)
    with sql_tab:
        if sql_tab.open:
            sql.show(client, selection.tz)


main()
