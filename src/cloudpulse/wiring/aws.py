"""The stores of the aws engine, by what the settings name; each is imported late, for functions start sooner so."""

from typing import TYPE_CHECKING

from cloudpulse.errors import SettingError
from cloudpulse.settings import Settings

if TYPE_CHECKING:
    from cloudpulse.engines.aws.counters import DynamoCounters
    from cloudpulse.ports import AuditLog, Executions, Jobs, Records, Secrets


def counters(settings: Settings) -> "DynamoCounters":
    """Live counters."""
    from cloudpulse.engines.aws.counters import DynamoCounters

    return DynamoCounters(given("aws_counters_table", settings.aws_counters_table))


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
