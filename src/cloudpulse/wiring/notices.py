"""What alarms and messages are made of. Heavy imports wait until they are used."""

from __future__ import annotations

import datetime as dt
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cloudpulse.settings import Settings
from cloudpulse.wiring import Serving, utc_now

if TYPE_CHECKING:
    from cloudpulse.ops.alarms.board import AlarmBoard
    from cloudpulse.ops.alarms.readings import RareObservation
    from cloudpulse.ops.alarms.windows import WindowBook
    from cloudpulse.ops.deliver import Delivery
    from cloudpulse.ops.health_history import HealthHistory
    from cloudpulse.ops.jobs import JobService
    from cloudpulse.ops.publish import Outbox
    from cloudpulse.ops.workflows import WorkflowService
    from cloudpulse.ports import Channel, Records, Target

ALARMS_FILE = "alarms.db"
A_DAY = dt.timedelta(days=1)
MOST_FAILED = 100


class Overseen(NamedTuple):
    """What the api process keeps of how everything is; the only writer of its file."""

    records: Records
    outbox: Outbox
    board: AlarmBoard
    history: HealthHistory
    windows: WindowBook


def overseen(settings: Settings, parts: Serving) -> Overseen:
    """Open what the api process keeps."""
    from cloudpulse.engines.local.records import SqliteRecords
    from cloudpulse.ops import process_starts
    from cloudpulse.ops.alarms import windows
    from cloudpulse.ops.alarms.board import AlarmBoard
    from cloudpulse.ops.health_history import HealthHistory

    now, records = utc_now(), SqliteRecords(settings.data / ALARMS_FILE)
    process_starts.note(records, now)
    mailbox = outbox(settings, records)
    live = partial(windows.count_live, parts.counters)
    batch = partial(windows.count_batch, parts.snapshots, parts.warehouse)
    return Overseen(
        records=records,
        outbox=mailbox,
        board=AlarmBoard(records, settings, mailbox),
        history=HealthHistory(records),
        windows=windows.WindowBook(records, settings, live, batch, now),
    )


def outbox(settings: Settings, records: Records) -> Outbox:
    """Where a process keeps its messages until they are delivered."""
    from cloudpulse.ops.publish import Outbox, targets

    return Outbox(records, targets(settings), utc_now)


def delivery(settings: Settings, messages: Outbox) -> Delivery:
    """What delivers them."""
    from cloudpulse.ops.deliver import Delivery

    channels: dict[Target, Channel] = {}
    if settings.webhook_url:
        from cloudpulse.engines.local.webhook import WebhookChannel

        channels["webhook"] = WebhookChannel(settings.webhook_url, settings.webhook_secret, time.time)
    if settings.smtp_url:
        from cloudpulse.engines.local.mail import MailChannel

        channels["email"] = MailChannel(settings.smtp_url, settings.alarm_email_from, settings.alarm_email_to)
    return Delivery(messages, channels)


def see_rare(
    settings: Settings, parts: Serving, own: Records, jobs: JobService, workflows: WorkflowService, now: dt.datetime
) -> RareObservation:
    """What is looked at once a minute."""
    from cloudpulse.events.times import parse
    from cloudpulse.ops import process_starts
    from cloudpulse.ops.alarms.readings import RareObservation
    from cloudpulse.ops.reconciliation.reports import Reports
    from cloudpulse.wiring.keeping import newest_backup

    backup = newest_backup(settings.data)
    reports = [report for report in Reports(parts.records).newest(1) if report.status == "diverged"]
    failed = workflows.history(None, "failed", limit=MOST_FAILED)
    return RareObservation(
        failed_executions=sum(parse(one.requested_at) > now - A_DAY for one in failed),
        failed_jobs=[state.name for state in jobs.states() if state.failures],
        starts={
            "api": process_starts.within_an_hour(own, now),
            "pipeline": process_starts.within_an_hour(parts.records, now),
        },
        diverged=f"{reports[0].left} divergences are left." if reports else None,
        newest_backup=backup.at if backup else None,
    )
