"""Questions that have a name: written once, in a dialect that translates to that of Athena."""

import msgspec


class NamedQuery(msgspec.Struct, frozen=True):
    """A statement over ``events`` with two parameters, the moments between which events count [from, to)."""

    description: str
    columns: tuple[str, ...]
    sql: str
    event_types: frozenset[str] | None = None


NAMED: dict[str, NamedQuery] = {
    "daily_counts": NamedQuery(
        "Events by day and type.",
        ("day", "event_type", "event_count"),
        """
        SELECT CAST(timestamp AS DATE) AS day, event_type, COUNT(*) AS event_count
        FROM events WHERE timestamp >= ? AND timestamp < ?
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
    ),
    "hourly_traffic": NamedQuery(
        "Events and sessions by hour.",
        ("hour", "event_count", "sessions"),
        """
        SELECT DATE_TRUNC('hour', timestamp) AS hour, COUNT(*) AS event_count, COUNT(DISTINCT session_id) AS sessions
        FROM events WHERE timestamp >= ? AND timestamp < ?
        GROUP BY 1 ORDER BY 1
        """,
    ),
    "top_pages": NamedQuery(
        "Pages with the most views.",
        ("page", "views", "sessions"),
        """
        SELECT page, COUNT(*) AS views, COUNT(DISTINCT session_id) AS sessions
        FROM events WHERE timestamp >= ? AND timestamp < ? AND event_type = 'page_view' AND page IS NOT NULL
        GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        frozenset({"page_view"}),
    ),
    "error_rate": NamedQuery(
        "The share of errors by hour.",
        ("hour", "errors", "event_count", "error_rate_pct"),
        """
        SELECT DATE_TRUNC('hour', timestamp) AS hour,
            COUNT(CASE WHEN event_type = 'error' THEN 1 END) AS errors, COUNT(*) AS event_count,
            ROUND(100.0 * COUNT(CASE WHEN event_type = 'error' THEN 1 END) / COUNT(*), 2) AS error_rate_pct
        FROM events WHERE timestamp >= ? AND timestamp < ?
        GROUP BY 1 ORDER BY 1
        """,
    ),
    "session_durations": NamedQuery(
        "How long sessions lasted within the range, longest first.",
        ("session_id", "first_seen", "last_seen", "seconds", "event_count"),
        """
        SELECT session_id, MIN(timestamp) AS first_seen, MAX(timestamp) AS last_seen,
            DATE_DIFF('second', MIN(timestamp), MAX(timestamp)) AS seconds, COUNT(*) AS event_count
        FROM events WHERE timestamp >= ? AND timestamp < ?
        GROUP BY 1 ORDER BY 4 DESC, 1
        """,
    ),
}
