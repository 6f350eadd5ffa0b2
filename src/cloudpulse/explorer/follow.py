"""Has the page run again when events have arrived: a cheap question, asked again and again, tells when."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from cloudpulse.errors import CloudPulseError
from cloudpulse.explorer import api

POLL_SECONDS = 2


@dataclass(frozen=True)
class Glance:
    """The live numbers and when they were taken, or why there are none."""

    numbers: dict[str, Any]
    as_of: str = ""
    problem: CloudPulseError | None = None

    @property
    def state(self) -> Any:
        """What is equal as long as nothing has happened."""
        return self.problem.detail if self.problem else self.numbers


def glance() -> Glance:
    """The live numbers now."""
    try:
        numbers = api.realtime(api.client())
    except CloudPulseError as exc:
        return Glance({}, problem=exc)
    return Glance(numbers, numbers.pop("as_of"))


def begin() -> Glance:
    """What the page that is drawn now is about."""
    now = glance()
    st.session_state.drawn = now.state
    st.session_state.is_drawing = True
    return now


@st.fragment(run_every=POLL_SECONDS)
def follow() -> None:
    """Draw the page anew when something is not as it was drawn."""
    if st.session_state.pop("is_drawing", False):
        return  # it is part of the page that is drawn just now
    if glance().state != st.session_state.drawn:
        st.rerun()
