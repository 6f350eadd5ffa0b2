"""Raw events, newest first, page by page."""

from dataclasses import dataclass, field

import streamlit as st

from cloudpulse.explorer import api, frames, statements
from cloudpulse.explorer.api import Client
from cloudpulse.explorer.problems import told
from cloudpulse.explorer.selection import Selection
from cloudpulse.explorer.sidebar import BOUND
from cloudpulse.explorer.statements import PAGE_ROWS, Place


@dataclass
class Pages:
    """Behind which events the pages begin that were turned, of one selection and text."""

    asked: tuple[Selection, str]
    behind: list[Place] = field(default_factory=list)


def show(client: Client, selection: Selection) -> None:
    """The whole tab."""
    where = "In properties, page, referrer, name, session, user, country or id"
    text = st.text_input("Text", key="text", placeholder=where, bind=BOUND)
    pages = _pages(selection, text)
    with told():
        behind = pages.behind[-1] if pages.behind else None
        answer = api.sql(client, statements.event_page(selection, text, behind))
        found = answer["results"]
        answer["results"] = found[:PAGE_ROWS]
        if not found:
            st.info("There are no events of these days and filters.")
        else:
            _table(frames.rows(answer, selection.tz))
        _turn(pages, answer["results"], has_more=len(found) > PAGE_ROWS)


def _pages(selection: Selection, text: str) -> Pages:
    """Another question begins with its newest events."""
    pages: Pages | None = st.session_state.get("pages")
    if pages is None or pages.asked != (selection, text):
        pages = st.session_state.pages = Pages((selection, text))
    return pages


def _table(table: frames.Table) -> None:
    config = {
        "timestamp": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss.SSS", pinned=True),
        "user_id": st.column_config.TextColumn(width=120),
    }
    st.dataframe(table, hide_index=True, height=560, column_config=config, placeholder="")


def _turn(pages: Pages, rows: list[dict[str, str]], has_more: bool) -> None:
    place = Place(rows[-1]["timestamp"], rows[-1]["event_id"]) if rows else None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Newest", disabled=not pages.behind, on_click=pages.behind.clear)
        st.button("Newer", disabled=not pages.behind, on_click=_back, args=(pages,))
        st.button("Older", disabled=not has_more, on_click=pages.behind.append, args=(place,))
        st.caption(f"Page {len(pages.behind) + 1}, {len(rows)} events")


def _back(pages: Pages) -> None:
    if pages.behind:  # a second click may come before the page is drawn
        pages.behind.pop()
