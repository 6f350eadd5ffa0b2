"""Messages by e-mail, over SMTP."""

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from cloudpulse.errors import NotDelivered
from cloudpulse.events.times import parse
from cloudpulse.ports import Message

TIMEOUT_SECONDS = 15.0
PORTS = {"smtp": 25, "smtps": 465}


class MailChannel:
    """Port ``Channel``, for alarms. ``smtps`` is TLS from the start; ``smtp`` becomes TLS where the server offers it,
    and must when there is a password, unless the server is this machine.
    """

    def __init__(self, url: str, sender: str, recipients: Sequence[str]) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or ""
        self._port = parts.port or PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender or recipients[0]
        self._recipients = list(recipients)

    def send(self, message: Message) -> None:
        """Hand one message to the server, for all recipients."""
        try:
            with self._connect() as server:
                self._introduce(server)
                refused = server.send_message(mail_of(message, self._sender, self._recipients))
        except (smtplib.SMTPException, OSError, ValueError) as exc:
            # Its own text may quote what was sent.
            raise NotDelivered(f"The mail server {self._host} did not take it: {type(exc).__name__}.") from None
        if refused:
            raise NotDelivered(
                f"The mail server {self._host} refused {len(refused)} of {len(self._recipients)} recipients."
            )

    def _connect(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        return smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)

    def _introduce(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        if self._scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        elif self._scheme == "smtp" and self._user and not _is_here(self._host):
            raise NotDelivered(f"The mail server {self._host} offers no TLS: the password is not sent.")
        if self._user:
            server.login(self._user, self._password)


def mail_of(message: Message, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """An alarm as an e-mail; the same message has the same Message-ID."""
    data = message.data
    mail = EmailMessage()
    mail["Subject"] = f"CloudPulse: {data['alarm']} {data['state']}"
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(parse(message.made_at))
    mail["Message-ID"] = f"<{''.join(c if c.isalnum() else '.' for c in message.id)}@cloudpulse>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [data["sentence"], "", f"What to do: {data['todo']}", "", *_times(data), f"At: {data['url']}"]
    mail.set_content("\n".join(lines))
    return mail


def _times(data: dict[str, str | None]) -> list[str]:
    return [f"{name}: {data[key]}" for name, key in (("Raised", "raised_at"), ("Cleared", "cleared_at")) if data[key]]


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
