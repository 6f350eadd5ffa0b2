"""What differs between engines. Each docstring says what an implementation promises."""

from cloudpulse.ports.audit import AuditEntry, AuditLog
from cloudpulse.ports.claims import BatchLog, BatchState, BatchStates, BatchStatus, Claim, Claims
from cloudpulse.ports.counters import Counters, LiveCounts, MinuteCount
from cloudpulse.ports.jobs import Execution, Executions, JobRun, Jobs, JobStatus, StepRun
from cloudpulse.ports.letters import DeadLetter, DeadLetters
from cloudpulse.ports.log import EventLog, IdEntry, IdIndex, LogReader, LogState
from cloudpulse.ports.messages import Channel, Message, Target
from cloudpulse.ports.records import Records
from cloudpulse.ports.secrets import Secrets, SecretVersion
from cloudpulse.ports.warehouse import Limits, Relation, Rows, Warehouse

__all__ = [
    "AuditEntry",
    "AuditLog",
    "BatchLog",
    "BatchState",
    "BatchStates",
    "BatchStatus",
    "Channel",
    "Claim",
    "Claims",
    "Counters",
    "DeadLetter",
    "DeadLetters",
    "EventLog",
    "Execution",
    "Executions",
    "IdEntry",
    "IdIndex",
    "JobRun",
    "JobStatus",
    "Jobs",
    "Limits",
    "LiveCounts",
    "LogReader",
    "LogState",
    "Message",
    "MinuteCount",
    "Records",
    "Relation",
    "Rows",
    "SecretVersion",
    "Secrets",
    "StepRun",
    "Target",
    "Warehouse",
]
