"""The stores of the aws engine, by what the settings name; each is imported late, for functions start sooner so."""

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

from cloudpulse.errors import SettingError
from cloudpulse.settings import Settings

if TYPE_CHECKING:
    from cloudpulse.engines.aws.counters import DynamoCounters
    from cloudpulse.ingest.claim import ClaimingReceiver
    from cloudpulse.ports import AuditLog, BatchStates, Claims, DeadLetters, Executions, Jobs, Records, Secrets

DAY_SECONDS = 86_400


def counters(settings: Settings) -> "DynamoCounters":
    """Live counters."""
    from cloudpulse.engines.aws.counters import DynamoCounters

    return DynamoCounters(given("aws_counters_table", settings.aws_counters_table))


def claims(settings: Settings) -> "Claims":
    """Claims on ids."""
    from cloudpulse.engines.aws.id_index import DynamoIdIndex

    return DynamoIdIndex(given("aws_ids_table", settings.aws_ids_table), settings.dedup_window_days * DAY_SECONDS)


def batch_states(settings: Settings) -> "BatchStates":
    """What became of batches."""
    from cloudpulse.engines.aws.batch_states import DynamoBatchStates

    return DynamoBatchStates(given("aws_ids_table", settings.aws_ids_table))


def receiver(settings: Settings, now: Callable[[], dt.datetime]) -> "ClaimingReceiver":
    """Takes requests in."""
    from cloudpulse.engines.aws.event_log import SqsKinesisLog
    from cloudpulse.ingest.claim import ClaimingReceiver

    states = batch_states(settings)
    batch_log = SqsKinesisLog(
        given("aws_queue_url", settings.aws_queue_url),
        given("aws_stream", settings.aws_stream),
        given("aws_bucket", settings.aws_bucket),
        states,
    )
    window_seconds = settings.dedup_window_days * DAY_SECONDS
    return ClaimingReceiver(
        claims(settings), states, batch_log, now, window_seconds, settings.ip_addresses, settings.aws_claims
    )


def dead_letters(settings: Settings) -> "DeadLetters":
    """What could not be processed."""
    from cloudpulse.engines.aws.dead_letters import SqsDeadLetters

    return SqsDeadLetters(
        given("aws_dead_letter_queue_url", settings.aws_dead_letter_queue_url),
        given("aws_queue_url", settings.aws_queue_url),
        given("aws_bucket", settings.aws_bucket),
        records(settings),
    )


def records(settings: Settings) -> "Records":
    """Small documents."""
    from cloudpulse.engines.aws.records import DynamoRecords

    return DynamoRecords(given("aws_records_table", settings.aws_records_table))


def jobs(settings: Settings) -> "Jobs":
    """The line of jobs."""
    from cloudpulse.engines.aws.jobs import DynamoJobs

    return DynamoJobs(given("aws_records_table", settings.aws_records_table))


def executions(settings: Settings) -> "Executions":
    """Executions of workflows."""
    from cloudpulse.engines.aws.executions import DynamoExecutions

    return DynamoExecutions(given("aws_records_table", settings.aws_records_table))


def secrets(settings: Settings) -> "Secrets":
    """Named secrets."""
    from cloudpulse.engines.aws.secrets import SecretsManagerSecrets

    return SecretsManagerSecrets(given("aws_secrets_prefix", settings.aws_secrets_prefix))


def audit_log(settings: Settings) -> "AuditLog":
    """The audit log."""
    from cloudpulse.engines.aws.audit_log import S3AuditLog

    return S3AuditLog(given("aws_bucket", settings.aws_bucket))


def given(name: str, value: str) -> str:
    """The value of a setting that is needed; raises ``SettingError`` with its name when it is empty."""
    if not value:
        raise SettingError(f"bad setting: {name} is empty, and the aws engine needs it.")
    return value
