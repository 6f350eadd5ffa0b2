"""What the page is about: days in a time zone, and filters; as parameters of the API and as conditions of SQL."""

import datetime as dt
from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Exact values that events must have; empty text stands for any."""

    event_type: str = ""
    app: str = ""
    session_id: str = ""
    user_id: str = ""

    def given(self) -> dict[str, str]:
        """The filters that are set, by column."""
        values = {field.name: getattr(self, field.name).strip() for field in fields(self)}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Days from ``first`` to ``last``, inclusive, in the time zone ``tz``; and filters."""

    first: dt.date
    last: dt.date
    tz: str
    filters: Filters = Filters()

    def parameters(self) -> dict[str, str]:
        """Parameters of ``GET /v1/query``."""
        return {"date_from": str(self.first), "date_to": str(self.last), "tz": self.tz, **self.filters.given()}

    def conditions(self) -> list[str]:
        """Conditions over ``events`` in SQL."""
        end = self.last + dt.timedelta(days=1)
        equal = [f"{name} = {quoted(value)}" for name, value in self.filters.given().items()]
        return [f"timestamp >= {self._midnight(self.first)}", f"timestamp < {self._midnight(end)}", *equal]

    def _midnight(self, day: dt.date) -> str:
        return moment(dt.datetime.combine(day, dt.time(), ZoneInfo(self.tz)).astimezone(dt.UTC).isoformat())


def quoted(text: str) -> str:
    """``text`` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def moment(rfc3339: str) -> str:
    """A time as a literal of SQL."""
    return f"TIMESTAMPTZ {quoted(rfc3339)}"


RANGES = ("Today", "Last 7 days", "Last 30 days", "Other days")
_LENGTHS = {"Today": 1, "Last 7 days": 7, "Last 30 days": 30}


def days_of(name: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """First and last day of a range that moves with the calendar."""
    return today - dt.timedelta(days=_LENGTHS[name] - 1), today
