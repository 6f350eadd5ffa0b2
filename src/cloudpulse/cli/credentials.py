"""What the commands for clients and write keys share: they change them through the server, or in the data folder."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from cloudpulse.cli.admin import audit, server_of
from cloudpulse.cli.options import require_data
from cloudpulse.settings import Settings


class Service(Protocol):
    """What keeps credentials of one kind in a data folder."""

    @property
    def change(self) -> Callable[..., None]:
        """Change what one of them allows."""

    def list(self) -> list[Any]:
        """All of them."""

    def rotate(self, credential_id: str, keep_previous_seconds: int, /) -> msgspec.Struct:
        """Give one a new secret."""

    def remove(self, credential_id: str, /) -> None:
        """Forget one."""


class Credentials:
    """Credentials of one kind, where the options ``--data``, ``--url`` and ``--token`` say.

    ``noun`` is what the audit log calls one of them (``write_key``); the routes follow from it (``/v1/write-keys``).
    """

    def __init__(self, noun: str, service: Callable[[Settings], Service]) -> None:
        self._noun = noun
        self._service = service
        self._route = f"/v1/{noun}s".replace("_", "-")

    def list(self, settings: Settings, url: str | None, token: str | None) -> list[dict[str, Any]]:
        """All of them, as a route shows them."""
        with server_of(settings, url, token) as server:
            if server is not None:
                shown = server.get(self._route)[f"{self._noun}s"]
            else:
                require_data(settings)
                shown = msgspec.to_builtins(self._service(settings).list())
        return list(shown)

    def change(
        self, credential_id: str, changes: dict[str, Any], settings: Settings, url: str | None, token: str | None
    ) -> None:
        """Change what one allows."""
        with server_of(settings, url, token) as server:
            if server is not None:
                server.request("PATCH", f"{self._route}/{credential_id}", json=changes)
            else:
                require_data(settings)
                self._service(settings).change(credential_id, **changes)
                self._audit(settings, "changed", credential_id)

    def rotate(self, credential_id: str, keep: int, settings: Settings, url: str | None, token: str | None) -> Any:
        """Give one a new secret; returns it, and what the route would tell of it."""
        with server_of(settings, url, token) as server:
            if server is not None:
                options = {"keep_previous_seconds": keep}
                return server.request("POST", f"{self._route}/{credential_id}/rotate", params=options).json()
            require_data(settings)
            renewed = self._service(settings).rotate(credential_id, keep)
            self._audit(settings, "rotated", credential_id)
            return renewed

    def remove(self, credential_id: str, settings: Settings, url: str | None, token: str | None) -> None:
        """Forget one."""
        with server_of(settings, url, token) as server:
            if server is not None:
                server.request("DELETE", f"{self._route}/{credential_id}")
            else:
                require_data(settings)
                self._service(settings).remove(credential_id)
                self._audit(settings, "removed", credential_id)

    def _audit(self, settings: Settings, what: str, credential_id: str) -> None:
        audit(settings, f"{self._noun}_{what}", f"{self._noun}/{credential_id}")
