"""Serves the page on this machine."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from cloudpulse.explorer import api

HOST = "127.0.0.1"
OPTIONS = {
    "server.address": HOST,
    "server.allowedHosts": [HOST, "localhost"],  # a page of another name must not reach it by way of that name
    "server.headless": True,
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "viewer",
    "logger.level": "warning",
    "logger.hideWelcomeMessage": True,
    "theme.light.primaryColor": "#2457d6",
    "theme.dark.primaryColor": "#5c8df6",
}
PAGE = Path(__file__).with_name("app.py")


def run(connect: api.Connect, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the URL. Port 0 is any free one."""

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[None]:
        ready(f"http://{HOST}:{st.get_option('server.port')}")
        yield

    api.use(connect)
    sys.argv = [str(PAGE)]  # Streamlit has Python import from the folder of this
    st.App(PAGE, lifespan=lifespan).run(config={**OPTIONS, "server.port": port})
