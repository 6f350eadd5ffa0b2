"""DBOS on one SQLite file: no network, no telemetry, no pickle, and no words but warnings without data.

There is one in a process, and one process on a folder: a second launch would run again what is running (mechanism 21).
"""

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import msgspec
import structlog
from dbos import DBOS, DBOSConfig
from dbos._serialization import Serializer

from cloudpulse.engines.local.sqlite import connect
from cloudpulse.errors import ServiceError
from cloudpulse.telemetry import sentence

VERSION = "1"
"""Runs of another version would not be resumed."""

BACKOFF = 4.0
POOL_SIZE = 4
RARELY_SECONDS = 3600.0
FORGOTTEN_AT_ONCE = 500
_ERROR = "$error"

log = structlog.get_logger(__name__)


class Failed(ServiceError):
    """A step that failed; ``final`` when trying again will not help."""

    code = "job_failed"

    def __init__(self, detail: str, final: bool = False) -> None:
        super().__init__(detail)
        self.final = final


class JsonSerializer(Serializer):
    """JSON, and of an exception its sentence."""

    def serialize(self, data: Any) -> str:
        """Text of a JSON value or an exception."""
        return msgspec.json.encode(data, enc_hook=lambda value: {_ERROR: sentence(value)}).decode()

    def deserialize(self, serialized_data: str) -> Any:
        """What was serialised; an exception comes back as ``Failed``."""
        value = msgspec.json.decode(serialized_data)
        return Failed(value[_ERROR]) if isinstance(value, dict) and _ERROR in value else value

    def name(self) -> str:
        """What rows say they are written with."""
        return "cloudpulse_json"


class _Warnings(logging.Handler):
    """Messages of DBOS may quote what it stores: only their place goes on."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not Failed:  # that was told where it happened
            log.warning("dbos", place=f"{record.filename}:{record.lineno}", error=kind.__name__ if kind else None)


def step_options(name: str, tries: int, retry_seconds: float) -> Any:
    """A step that is tried so often, after ever longer pauses, unless it has failed for good."""
    return {
        "name": name,
        "retries_allowed": True,
        "max_attempts": tries,
        "interval_seconds": retry_seconds,
        "backoff_rate": BACKOFF,
        "should_retry": lambda exc: not (isinstance(exc, Failed) and exc.final),
    }


def launch(path: Path) -> None:
    """Start DBOS on a file; workflows must be registered before. What an earlier process began is resumed."""
    logger = logging.getLogger("dbos")
    logger.handlers, logger.propagate = [_Warnings(logging.WARNING)], False
    DBOS(config=_config(path))
    DBOS.launch()


def destroy() -> None:
    """Stop DBOS and forget its workflows; what runs is not waited for."""
    DBOS.destroy(destroy_registry=True)


def forget(before: dt.datetime) -> int:
    """Remove what DBOS remembers of what had ended by then; returns how much it was. Our tables keep the history."""
    options: Any = {"completed_before": before.isoformat(), "load_input": False, "load_output": False}
    ended = [status.workflow_id for status in DBOS.list_workflows(**options)]
    for start in range(0, len(ended), FORGOTTEN_AT_ONCE):
        DBOS.delete_workflows(ended[start : start + FORGOTTEN_AT_ONCE])
    return len(ended)


def _config(path: Path) -> DBOSConfig:
    return DBOSConfig(
        name="cloudpulse",
        system_database_url="sqlite:///jobs.db",
        # Not by URL: a folder's name may hold what means something in one.
        db_engine_kwargs={"creator": lambda: connect(path, secure_delete=True)},
        sys_db_pool_size=POOL_SIZE,
        application_version=VERSION,
        executor_id="local",
        log_level="WARNING",
        enable_otlp=False,
        serializer=JsonSerializer(),
        use_listen_notify=False,
        scheduler_polling_interval_sec=RARELY_SECONDS,  # ``ops.jobs`` knows when
    )
