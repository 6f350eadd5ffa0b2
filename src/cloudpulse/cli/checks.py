"""What ``doctor`` looks at: each check is one function that gives one sentence, and says what to do."""

import datetime as dt
import os
import re
import resource
import shutil
import sys
from contextlib import suppress
from importlib import metadata
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, NamedTuple

from cloudpulse.errors import CloudPulseError, SettingError
from cloudpulse.settings import GIB, MIB, Settings, load
from cloudpulse.wiring import keeping

State = Literal["ok", "warn", "fail"]
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[^]]*\])?>=(?P<lowest>[\d.]+)")
OLDEST_PYTHON = (3, 11)
BUILT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""A clock that shows less is wrong."""
CLOCK_SLACK = dt.timedelta(seconds=2)
WAL_BYTES = 256 * MIB
BACKUP_DAYS = 7
TREND_DAYS = 7
SHORT_DAYS = 14
SPARE_FILES = 500
"""What the server opens besides connections."""


class Check(NamedTuple):
    """What was found; the sentence of a ``warn`` or ``fail`` says what to do."""

    name: str
    state: State
    detail: str


def python() -> Check:
    """The interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", "fail", f"Python {version} is too old: install 3.11 or later.")
    return Check("python", "ok", f"Python {version}.")


def libraries() -> Check:
    """What ``pip`` should have installed, with the lowest versions that CloudPulse asks for."""
    wrong = [text for text in metadata.requires("cloudpulse") or [] if "extra ==" not in text and not _is_met(text)]
    if wrong:
        return Check("libraries", "fail", f"{', '.join(wrong)} cannot be found: install CloudPulse again with pip.")
    return Check("libraries", "ok", "All are there, in versions that will do.")


def _is_met(requirement: str) -> bool:
    match = _REQUIREMENT.match(requirement)
    if match is None:
        return True
    try:
        return _numbers(metadata.version(match["name"])) >= _numbers(match["lowest"])
    except metadata.PackageNotFoundError:
        return False


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def settings_file(data: Path | None) -> tuple[Check, Settings | None]:
    """Whether the settings can be read."""
    try:
        return Check("settings", "ok", "All settings are allowed."), load({"data": data})
    except SettingError as exc:
        return Check("settings", "fail", exc.detail), None


def version(data: Path) -> Check:
    """Whether this CloudPulse can work on the folder."""
    try:
        keeping.check_version(data)
    except CloudPulseError as exc:
        return Check("version", "fail", exc.detail)
    return Check("version", "ok", "The data folder is one that this CloudPulse knows.")


def permissions(data: Path) -> Check:
    """Who may read the folder."""
    status = data.stat()
    if status.st_uid != os.geteuid():
        return Check("permissions", "warn", f"{data} belongs to another user: run CloudPulse as that one.")
    if status.st_mode & 0o077:
        return Check("permissions", "fail", f"{data} is open to others: run `chmod 700 {data}`.")
    return Check("permissions", "ok", f"{data} is yours alone.")


def disk(settings: Settings, growth_bytes: int) -> Check:
    """Free space, and for how many days it lasts when each takes ``growth_bytes``."""
    free = shutil.disk_usage(settings.data).free
    has = f"{free / GIB:.1f} GiB are free"
    if free < settings.min_free_bytes:
        return Check("disk", "fail", f"{has}, so new events are refused: free some space.")
    if not growth_bytes:
        return Check("disk", "ok", f"{has}; the last days took nothing.")
    days = (free - settings.min_free_bytes) // growth_bytes
    trend = f"{has}, and the last days took {growth_bytes / MIB:,.0f} MiB each: enough for {days:,} days"
    if days < SHORT_DAYS:
        return Check("disk", "warn", f"{trend}. Add space, or let old events go.")
    return Check("disk", "ok", f"{trend}.")


def clock(now: dt.datetime, newest: dt.datetime | None) -> Check:
    """Whether time has gone on since the newest event was received."""
    if now < BUILT:
        return Check("clock", "fail", f"The clock shows {now:%Y-%m-%d}: set it.")
    if newest is not None and newest > now + CLOCK_SLACK:
        late = f"{newest:%Y-%m-%d %H:%M:%S}"
        return Check(
            "clock", "fail", f"The newest event was received at {late}, which has not come yet: set the clock."
        )
    return Check("clock", "ok", f"The clock shows {now:%Y-%m-%d %H:%M:%S} UTC.")


def wal(data: Path) -> Check:
    """Write-ahead logs that nobody could write back."""
    sizes = {path.name: path.stat().st_size for path in [*data.glob("*.db-wal"), *data.glob("lake/*.db-wal")]}
    large = [f"{name} ({size >> 20} MiB)" for name, size in sizes.items() if size > WAL_BYTES]
    if large:
        return Check("wal", "warn", f"{', '.join(large)} should have been written back: restart CloudPulse.")
    return Check("wal", "ok", f"Write-ahead logs hold {sum(sizes.values()) >> 20} MiB.")


def dead_letters(events: int) -> Check:
    """Events that could not be processed."""
    if events:
        return Check("dead letters", "warn", f"{events:,} events were set aside: see `cloudpulse dlq list`.")
    return Check("dead letters", "ok", "None.")


def tier(folder: str, hindrance: str | None) -> Check:
    """Whether the tier folder can be reached."""
    if hindrance:
        return Check("tier", "fail", hindrance)
    return Check("tier", "ok", f"{folder} is there." if folder else "There is no tier folder.")


def ledger(gaps: list[str]) -> Check:
    """Whether the counts add up."""
    if gaps:
        return Check("ledger", "fail", f"{gaps[0]} See `cloudpulse verify --deep`.")
    return Check("ledger", "ok", "Every accepted event is accounted for.")


def backup(data: Path, now: dt.datetime) -> Check:
    """The newest backup that is still there."""
    newest = keeping.newest_backup(data)
    if newest is None:
        return Check("backup", "warn", "There is none: run `cloudpulse backup DIR`, best onto another disk.")
    days = (now - newest.at).days
    told = f"The newest is in {newest.path}, {days} days old"
    return Check(
        "backup", "warn" if days > BACKUP_DAYS else "ok", f"{told}{': take one.' if days > BACKUP_DAYS else '.'}"
    )


def open_files(settings: Settings, pid: int | None) -> Check:
    """How many files the server may open; without one that can be asked, this process."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if pid is not None:
        with suppress(ProcessLookupError, PermissionError):  # it has just died, or belongs to another user
            soft = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
    if soft != resource.RLIM_INFINITY and soft < settings.max_connections + SPARE_FILES:
        needed = settings.max_connections + SPARE_FILES
        return Check(
            "open files", "warn", f"{soft:,} may be open: allow {needed:,} (`ulimit -n`), or lower max_connections."
        )
    return Check("open files", "ok", "As many as max_connections needs may be open.")


def network(settings: Settings) -> Check:
    """Whether passwords and tokens would go over a network in the clear."""
    try:
        is_local = settings.host == "localhost" or ip_address(settings.host).is_loopback
    except ValueError:
        is_local = False
    if not is_local and not settings.public_url.startswith("https://"):
        detail = f"{settings.host}:{settings.port} can be reached from outside without TLS: see docs/tls.md."
        return Check("network", "warn", detail)
    return Check(
        "network", "ok", f"The server listens on {settings.host}, {'this machine alone' if is_local else 'behind TLS'}."
    )


def server(url: str | None, ready: bool | None, reason: str, lags: dict[str, float]) -> Check:
    """Whether the server runs and makes progress; ``ready`` is None when it does not answer."""
    if url is None:
        return Check("server", "warn", "Not running on this folder: start it with `cloudpulse up`.")
    if ready is None:
        return Check(
            "server", "fail", f"{url} does not answer, though it was started: see its log, then start it again."
        )
    if not ready:
        return Check("server", "fail", f"{url} is not ready: {reason}")
    behind = ", ".join(f"{name} {int(lag)}" for name, lag in sorted(lags.items()))
    return Check("server", "ok", f"{url} is ready; batches to do: {behind or 'none'}.")
