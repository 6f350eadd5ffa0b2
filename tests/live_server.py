"""A whole CloudPulse as ``cloudpulse up`` starts it, and a client that holds a token."""

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

CLOUDPULSE = [sys.executable, "-m", "cloudpulse.cli.main"]
READY = "CloudPulse is ready at "
PATIENCE_SECONDS = 60.0


class Server:
    """A running ``cloudpulse up`` on a folder of its own."""

    def __init__(self, data: Path, **settings: Any) -> None:
        self.data = data
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDPULSE_")}
        self.environ |= {f"CLOUDPULSE_{name.upper()}": str(value) for name, value in settings.items()}
        data.mkdir(parents=True, exist_ok=True)
        with (data / "up.log").open("w") as log:
            self.process = subprocess.Popen(
                [*CLOUDPULSE, "up", "--port", "0", "--data", str(data)], stdout=log, stderr=log, env=self.environ
            )
        try:
            self.url = self._url()
        except BaseException:
            self.stop()
            raise

    def _url(self) -> str:
        def ready() -> str | None:
            assert self.process.poll() is None, self.log()
            lines = [line for line in self.log().splitlines() if line.startswith(READY)]
            return lines[0].removeprefix(READY) if lines else None

        return str(eventually(ready))

    def log(self) -> str:
        """What the processes have said."""
        return (self.data / "up.log").read_text()

    def cli(self, *arguments: str, code: int = 0) -> str:
        """Run a command on the data folder; returns what it prints."""
        command = [*CLOUDPULSE, *arguments, "--data", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environ, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def client(self, *scopes: str) -> httpx.Client:
        """An HTTP client whose token has these scopes, or all."""
        token = self.cli("token", *(part for scope in scopes for part in ("--scope", scope))).strip()
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def stop(self) -> int:
        """SIGTERM, as an operator does; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()


def eventually(look: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What ``look`` returns once it is true."""
    give_up_at = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < give_up_at, f"still {found!r}"
        time.sleep(0.05)
    return found


def event(session_id: str, event_type: str = "click", **fields: Any) -> dict[str, Any]:
    """A valid event as a client sends it."""
    return {"event_type": event_type, "session_id": session_id, "source": "web", **fields}


def today(offset_days: int = 0) -> str:
    """A date as the query routes take it."""
    return str((dt.datetime.now(dt.UTC) + dt.timedelta(days=offset_days)).date())


def count_of(client: httpx.Client, **filters: str) -> int:
    """The number of events that ``/v1/query`` answers for the days around today."""
    params = {"query_type": "event_count", "date_from": today(-3), "date_to": today(1), **filters}
    answer = client.get("/v1/query", params=params)
    assert answer.status_code == 200, answer.text
    return sum(row["event_count"] for row in answer.json()["results"])
