"""The SQL that the page itself asks."""

from dataclasses import dataclass

from cloudpulse.explorer.selection import Selection, moment, quoted

PAGE_ROWS = 100

COLUMNS = (
    "timestamp",
    "event_type",
    "event_name",
    "app",
    "source",
    "session_id",
    "user_id",
    "page",
    "country",
    "browser",
    "os",
    "device",
    "properties",
    "event_id",
)
_SEARCHED = ("event_id", "event_name", "session_id", "user_id", "page", "referrer", "country", "properties")


@dataclass(frozen=True)
class Place:
    """An event in the order of the table; a page begins behind one."""

    timestamp: str
    event_id: str


def uniques(selection: Selection) -> str:
    """How many sessions and users there are."""
    counts = "count(DISTINCT session_id) AS sessions, count(DISTINCT user_id) AS users"
    return f"SELECT {counts} FROM events WHERE {' AND '.join(selection.conditions())}"


def event_page(selection: Selection, text: str, behind: Place | None) -> str:
    """A page of events, newest first, and one event more if there are further ones."""
    conditions = selection.conditions()
    if text.strip():
        searched = f"lower(concat_ws(' ', {', '.join(_SEARCHED)}))"
        conditions.append(f"contains({searched}, lower({quoted(text.strip())}))")
    if behind is not None:
        at = moment(behind.timestamp)
        conditions.append(f"timestamp <= {at}")  # on its own, for it leaves files unread
        conditions.append(f"(timestamp < {at} OR event_id < {quoted(behind.event_id)})")
    return (
        f"SELECT {', '.join(COLUMNS)} FROM events WHERE {' AND '.join(conditions)} "
        f"ORDER BY timestamp DESC, event_id DESC LIMIT {PAGE_ROWS + 1}"
    )
