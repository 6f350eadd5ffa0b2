"""Messages to the outside."""

from typing import Any, Literal, Protocol

import msgspec

Target = Literal["webhook", "email"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, for one target outside. ``id`` is the same whenever the same thing is told.

    ``data`` names ids, counts and sentences, nothing of an event; ``made_at`` is RFC 3339 in UTC.
    """

    id: str
    kind: str
    target: Target
    made_at: str
    data: dict[str, Any]


class Channel(Protocol):
    """The way to one target outside."""

    def send(self, message: Message) -> None:
        """Return when the other side has taken the message, within half a minute or so.

        Raises ``NotDelivered`` with a sentence without any secret; the message may have arrived nevertheless.
        """
