"""Configuration outside the code: ``settings.toml`` in the data folder, then ``CLOUDPULSE_<NAME>``; read once, frozen.

A process reads it again on SIGHUP. Every field is documented in ``docs/settings.md``.
"""

import base64
import os
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from cloudpulse.errors import SettingError

ENV_PREFIX = "CLOUDPULSE_"
FILE_NAME = "settings.toml"

Positive = Annotated[int, msgspec.Meta(gt=0)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
NotNegativeNumber = Annotated[float, msgspec.Meta(ge=0)]

EventType = Literal["page_view", "click", "api_call", "form_submit", "error", "custom"]
Published = Literal["alarm.changed", "event.dead_lettered", "batch.stored"]
AlarmName = Literal[
    "dead_letters",
    "job_failures",
    "workflow_failures",
    "stalled",
    "restarts",
    "speed_lag",
    "lake_lag",
    "speed_backlog",
    "lake_backlog",
    "refusing",
    "journal_full",
    "disk_free",
    "failed_requests",
    "refused_tokens",
    "refused_sign_ins",
    "rejects",
    "throughput_drop",
    "volume_jump",
    "session_jump",
    "error_jump",
    "reconciliation",
    "backup_age",
]

TABLES = frozenset({"retain_days_by_type", "alarm_thresholds"})
LISTS = frozenset({"trusted_proxies", "cors_origins", "webhook_events", "alarm_email_to"})
SECRET = frozenset({"metrics_token", "webhook_url", "webhook_secret", "smtp_url"})
"""Settings that no log and no error may show."""

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+")
"""Web origins as browsers send them: they are compared as they stand."""

PUBLIC_URL = re.compile(r"https?://[^/?#@\s]+/?")
EMAIL = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")
MIN_TOKEN_CHARS = 16

MIB = 1024 * 1024
GIB = 1024 * MIB


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings with their defaults; units stand in the names."""

    engine: Literal["local", "aws"] = "local"
    data: Path = Path("cloudpulse-data")
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    public_url: str = ""

    audience: str = "cloudpulse"
    token_ttl_seconds: Positive = 1200
    token_max_ttl_seconds: Positive = 86_400
    session_days: Positive = 30
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_client_id: str = ""
    rotate_signing_days: NotNegative = 30
    rotate_clients_days: NotNegative = 0

    sign_ins_per_minute: Positive = 60
    metrics_token: str = ""
    cors_origins: tuple[str, ...] = ()

    max_body_bytes: Positive = 10 * MIB
    max_batch_events: Positive = 10_000
    max_waiting_events: Positive = 200_000
    max_connections: Positive = 2_000
    max_event_streams: Positive = 100
    max_buffered_bytes: Positive = 256 * MIB
    header_timeout_seconds: Positive = 10
    body_timeout_seconds: Positive = 60
    dedup_window_days: Positive = 7
    dead_letter_days: Positive = 14
    keep_uploads_days: Positive = 30
    watch_folder: str = ""

    journal_max_bytes: Positive = 4 * GIB
    journal_max_age_seconds: Positive = 6 * 3600
    min_free_bytes: NotNegative = 256 * MIB
    reserve_bytes: NotNegative = 64 * MIB
    trim_delay_seconds: NotNegative = 60

    ip_addresses: Literal["keep", "truncate", "drop"] = "truncate"
    trusted_proxies: tuple[str, ...] = ()
    country_header: str = ""

    lake_commit_events: Positive = 200_000
    lake_commit_bytes: Positive = 16 * MIB
    lake_commit_seconds: Positive = 10
    unlink_delay_seconds: NotNegative = 600
    tier_folder: str = ""
    tier_days: Positive = 30
    retain_days: NotNegative = 0
    retain_days_by_type: dict[EventType, NotNegative] = {}

    query_max_days: Positive = 400
    query_max_rows: Positive = 10_000
    query_max_result_bytes: Positive = 32 * MIB
    query_timeout_seconds: Positive = 25
    query_max_scanned_bytes: Positive = 10 * GIB
    query_memory_bytes: Positive = 512 * MIB
    query_threads: Positive = 2
    tail_max_events: Positive = 2_000_000

    alarm_thresholds: dict[AlarmName, NotNegativeNumber] = {}
    anomaly_min_events: Positive = 100
    webhook_url: str = ""
    webhook_secret: str = ""
    webhook_events: tuple[Published, ...] = ("alarm.changed", "event.dead_lettered")
    smtp_url: str = ""
    alarm_email_to: tuple[str, ...] = ()
    alarm_email_from: str = ""

    # The aws engine's. Account, region and credentials are the SDK's own settings.
    aws_ids_table: str = ""
    aws_claims: Literal["event", "request"] = "event"
    aws_counters_table: str = ""
    aws_records_table: str = ""
    aws_queue_url: str = ""
    aws_dead_letter_queue_url: str = ""
    aws_stream: str = ""
    aws_bucket: str = ""
    aws_database: str = ""
    aws_secrets_prefix: str = ""

    @property
    def url(self) -> str:
        """Where the outside finds this installation; the name under which it issues people's tokens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return f"Settings({', '.join(f'{n}={v!r}' if n not in SECRET or not v else f'{n}=***' for n, v in shown)})"


def load(overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Defaults, then the file in the data folder, then the environment, then ``overrides`` (the command line).

    Raises ``SettingError`` naming the first bad setting.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    from_environ = {
        field: environ[ENV_PREFIX + field.upper()]
        for field in Settings.__struct_fields__
        if ENV_PREFIX + field.upper() in environ
    }
    data = Path(given.get("data") or from_environ.get("data") or Settings().data)
    values = _read_file(data / FILE_NAME) | {name: _split(name, text) for name, text in from_environ.items()} | given
    values["data"] = str(data)
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as exc:
        # msgspec says "... - at `$.name`".
        reason = str(exc).replace("`$.", "`")
        raise SettingError(f"bad setting: {reason}. docs/settings.md says what is allowed.") from exc
    networks(settings.trusted_proxies)
    _check(settings)
    return settings


def is_secure(url: str) -> bool:
    """Whether nobody on the way can change what is read there: https, or http on this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname)))


@lru_cache
def networks(trusted_proxies: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of the setting ``trusted_proxies``; raises ``SettingError``. IPv4 inside IPv6 is IPv4."""
    try:
        found = [ip_network(text) for text in trusted_proxies]
    except ValueError as exc:
        raise SettingError(f"bad setting: trusted_proxies: {exc}. Write addresses or networks as 10.0.0.0/8.") from exc
    return tuple(_without_mapping(network) for network in found)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
        if "data" in values:
            raise SettingError(f"{path} lies in the data folder and cannot name it: use --data or CLOUDPULSE_DATA.")
        return values
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise SettingError(f"cannot read {path}: {exc}") from exc


def _without_mapping(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


def _check(settings: Settings) -> None:
    """Raise ``SettingError`` where settings do not fit together."""
    if settings.token_ttl_seconds > settings.token_max_ttl_seconds:
        raise SettingError("bad setting: token_ttl_seconds must not be above token_max_ttl_seconds.")
    if settings.watch_folder and Path(settings.watch_folder).resolve().is_relative_to(settings.data.resolve()):
        raise SettingError("bad setting: watch_folder must not lie in the data folder, which is CloudPulse's own.")
    if settings.tier_folder and not Path(settings.tier_folder).is_absolute():
        raise SettingError("bad setting: tier_folder must be a path from the root, as /mnt/archive/cloudpulse.")
    if settings.tier_folder and Path(settings.tier_folder).resolve().is_relative_to(settings.data.resolve()):
        raise SettingError("bad setting: tier_folder must not lie in the data folder.")
    if settings.tier_folder and settings.tier_days < settings.dedup_window_days:
        raise SettingError("bad setting: tier_days must not be below dedup_window_days, for ids are read from bronze.")
    if settings.public_url and not PUBLIC_URL.fullmatch(settings.public_url):
        raise SettingError("bad setting: public_url must be scheme and host alone, as https://pulse.example.com.")
    if 0 < len(settings.metrics_token) < MIN_TOKEN_CHARS:
        raise SettingError(f"bad setting: metrics_token must have at least {MIN_TOKEN_CHARS} characters.")
    for origin in settings.cors_origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise SettingError(
                f"bad setting: cors_origins: {origin!r} is no origin. "
                "Write scheme, host and port in small letters and nothing else, as https://console.example.com."
            )
    if settings.oidc_issuer and not is_secure(settings.oidc_issuer):
        raise SettingError("bad setting: oidc_issuer must be an https URL, or an http URL on loopback.")
    if settings.oidc_issuer and not settings.oidc_audience:
        raise SettingError("bad setting: oidc_issuer needs oidc_audience, whom its tokens must be for.")
    if settings.oidc_audience and not settings.oidc_issuer:
        raise SettingError("bad setting: oidc_audience needs oidc_issuer, whose tokens it is about.")
    if settings.oidc_client_id and not settings.oidc_issuer:
        raise SettingError("bad setting: oidc_client_id needs oidc_issuer, where the dashboard is that client.")
    _check_notices(settings)


def _check_notices(settings: Settings) -> None:
    """The same for where notices go; no sentence shows what may hold a password."""
    if settings.webhook_url and not _is_url(settings.webhook_url, "http", "https"):
        raise SettingError("bad setting: webhook_url must be an http or https URL.")
    if settings.webhook_secret.startswith("whsec_") and not _is_base64(settings.webhook_secret.removeprefix("whsec_")):
        raise SettingError("bad setting: webhook_secret must have base64 after whsec_.")
    if settings.smtp_url and not _is_url(settings.smtp_url, "smtp", "smtps"):
        raise SettingError(
            "bad setting: smtp_url must be as smtp://user:password@host:587, or smtps://user:password@host."
        )
    if bool(settings.smtp_url) != bool(settings.alarm_email_to):
        raise SettingError("bad setting: smtp_url and alarm_email_to go together, neither without the other.")
    for address in (*settings.alarm_email_to, *filter(None, [settings.alarm_email_from])):
        if not EMAIL.fullmatch(address):
            raise SettingError(
                "bad setting: alarm_email_to and alarm_email_from take plain addresses, as ops@example.com."
            )


def _is_url(url: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


def _is_here(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _split(name: str, text: str) -> Any:
    if name not in LISTS | TABLES:
        return text
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if name in LISTS:
        return parts
    pairs = (part.partition("=") for part in parts)
    return {key.strip(): value.strip() for key, _, value in pairs}
