"""Errors as sentences in the page."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from cloudpulse.errors import CloudPulseError
from cloudpulse.explorer.frames import plain

ANOTHER_TOKEN = "Start the explorer again with a token that the server knows: `cloudpulse explore --token …`."


def tell(problem: CloudPulseError) -> None:
    """Show the sentence of an error."""
    hint = f" {ANOTHER_TOKEN}" if problem.status == 401 else ""
    sentence = problem.detail[:1].upper() + problem.detail[1:]
    st.error(plain(sentence) + hint, icon=":material/error:")


@contextmanager
def told() -> Iterator[None]:
    """Show an error in the place of what could not be shown."""
    try:
        yield
    except CloudPulseError as exc:
        tell(exc)
