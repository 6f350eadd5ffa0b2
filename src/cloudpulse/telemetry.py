"""Logs and metrics: JSON lines on stderr without personal data, and one Prometheus registry.

A log line names ids of batches, requests and clients, never an event's content, an address or a token.
"""

import logging
import sys
import traceback
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloudpulse.errors import CloudPulseError

registry = CollectorRegistry()
events_accepted = Counter("cloudpulse_events_accepted", "Events accepted", registry=registry)
events_duplicate = Counter("cloudpulse_events_duplicate", "Events answered as duplicates", registry=registry)
events_rejected = Counter("cloudpulse_events_rejected", "Events refused", registry=registry)
rate_limited = Counter("cloudpulse_rate_limited", "Requests refused for their caller's rate", registry=registry)
requests = Counter("cloudpulse_requests", "Answered requests", ["method", "route", "status"], registry=registry)
refused_tokens = Counter("cloudpulse_refused_tokens", "Requests refused for their token", ["reason"], registry=registry)
running_statements = Gauge("cloudpulse_running_statements", "Statements that the engine runs", registry=registry)
stream_failures = Counter("cloudpulse_stream_failures", "Parts of batches that the stream lacks", registry=registry)
sign_ins = Counter("cloudpulse_sign_ins", "People who wanted to sign in", ["outcome"], registry=registry)


def configure(level: str) -> None:
    """Log from ``level`` (debug, info, warning, error) on, one JSON object a line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def told(exc: BaseException) -> dict[str, str]:
    """What a log may tell of an exception: its kind and place, and the text only where it is our own or the system's.

    The text of a decoder or a store may quote an event.
    """
    known = isinstance(exc, CloudPulseError | OSError)
    error = f"{type(exc).__name__}: {exc}" if known else type(exc).__name__
    return {"error": error, "place": "".join(traceback.format_tb(exc.__traceback__, limit=-5))}


def sentence(exc: BaseException) -> str:
    """What people may be told of an exception: its text where it is our own or the system's, else its kind."""
    if isinstance(exc, CloudPulseError):
        return exc.detail
    return str(exc) if isinstance(exc, OSError) else f"It failed with {type(exc).__name__}; the log says where."


def total(counter: Counter, **labels: str) -> float:
    """What a counter has counted, of all labels or of those with these values."""
    samples = [sample for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def count_receipt(accepted: int, duplicates: int, rejected: int) -> None:
    """Count what became of the events of one request."""
    for counter, events in ((events_accepted, accepted), (events_duplicate, duplicates), (events_rejected, rejected)):
        if events:
            counter.inc(events)


class Labelled(NamedTuple):
    """One gauge with a value for each value of a label."""

    label: str
    values: Mapping[str, float]


def exposition(gauges: Mapping[str, float | Labelled]) -> bytes:
    """All counters and the given gauges as Prometheus text; a gauge's name gets the prefix ``cloudpulse_``."""
    snapshot = CollectorRegistry()
    snapshot.register(_Gauges(gauges))
    return generate_latest(registry) + generate_latest(snapshot)


class _Gauges(Collector):
    def __init__(self, values: Mapping[str, float | Labelled]) -> None:
        self._values = values

    def collect(self) -> Iterable[Metric]:
        for name, value in self._values.items():
            title = name.replace("_", " ").capitalize()
            if isinstance(value, Labelled):
                family = GaugeMetricFamily(f"cloudpulse_{name}", title, labels=[value.label])
                for label, number in value.values.items():
                    family.add_metric([label], number)
                yield family
            else:
                yield GaugeMetricFamily(f"cloudpulse_{name}", title, value=value)
