"""Write keys: add, list, change, rotate, remove."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET, UnsetType

from cloudpulse.api.audit import audit
from cloudpulse.api.clients import KeepPrevious, RequestsPerMinute
from cloudpulse.api.guards import ADMIN
from cloudpulse.auth.credentials import DEFAULT_APP, ROTATION_OVERLAP_SECONDS
from cloudpulse.auth.write_keys import PREFIX, NewKey, RotatedKey, WriteKey

KeyId = Annotated[str, PathParameter(max_length=64, description="The id of a write key; not the key.")]


class WriteKeyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new write key, for pages of these origins (``https://shop.example``), or for any: ``*`` alone."""

    name: str
    origins: tuple[str, ...]
    app: str = DEFAULT_APP
    requests_per_minute: RequestsPerMinute | None = None


class WriteKeyChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a write key may change; what is left out stays. A limit of null means none."""

    origins: tuple[str, ...] | UnsetType = UNSET
    requests_per_minute: RequestsPerMinute | UnsetType | None = UNSET


class WriteKeyList(msgspec.Struct, frozen=True, kw_only=True):
    """All write keys."""

    write_keys: list[WriteKey]


@get("/v1/write-keys", guards=ADMIN, sync_to_thread=True)
def list_write_keys(request: Request[Any, Any, Any]) -> WriteKeyList:
    """All write keys, without the keys themselves."""
    return WriteKeyList(write_keys=request.app.state.services.write_keys.list())


@post("/v1/write-keys", guards=ADMIN, sync_to_thread=True)
def add_write_key(request: Request[Any, Any, Any], data: JSONBody[WriteKeyRequest]) -> NewKey:
    """A new write key, which is shown this once."""
    keys = request.app.state.services.write_keys
    created: NewKey = keys.add(data.name, data.origins, data.app, data.requests_per_minute)
    audit(request, "write_key_added", PREFIX + created.key_id)
    return created


@patch("/v1/write-keys/{key_id:str}", guards=ADMIN, status_code=204, sync_to_thread=True)
def change_write_key(request: Request[Any, Any, Any], key_id: KeyId, data: JSONBody[WriteKeyChange]) -> None:
    """Bind a write key to other origins, limit its requests, or lift the limit; pages need no other key."""
    request.app.state.services.write_keys.change(key_id, data.origins, data.requests_per_minute)
    audit(request, "write_key_changed", PREFIX + key_id)


@post("/v1/write-keys/{key_id:str}/rotate", guards=ADMIN, status_code=200, sync_to_thread=True)
def rotate_write_key(
    request: Request[Any, Any, Any],
    key_id: KeyId,
    keep_previous_seconds: KeepPrevious = ROTATION_OVERLAP_SECONDS,
) -> RotatedKey:
    """A new key in the place of one, which is accepted for another day, or as long as asked; older ones end."""
    renewed: RotatedKey = request.app.state.services.write_keys.rotate(key_id, keep_previous_seconds)
    audit(request, "write_key_rotated", PREFIX + key_id)
    return renewed


@delete("/v1/write-keys/{key_id:str}", guards=ADMIN, sync_to_thread=True)
def remove_write_key(request: Request[Any, Any, Any], key_id: KeyId) -> None:
    """Remove a write key, which ends at once."""
    request.app.state.services.write_keys.remove(key_id)
    audit(request, "write_key_removed", PREFIX + key_id)


write_key_routes = [list_write_keys, add_write_key, change_write_key, rotate_write_key, remove_write_key]
