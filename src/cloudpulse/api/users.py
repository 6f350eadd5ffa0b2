"""Users: add, list, change, set a password, remove.

An admin may remove every user, also the last one: the command line works on the data folder without any.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import JSONBody, PathParameter

from cloudpulse.api.audit import audit
from cloudpulse.api.guards import ADMIN
from cloudpulse.auth.users import NewPassword, User

UserId = Annotated[str, PathParameter(max_length=64, description="The id of a user.")]


class UserRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new user; the password is generated unless it is given. Without groups the user may sign in, and no more."""

    email: str
    groups: tuple[str, ...] = ("events:read",)
    password: str | None = None

    def __repr__(self) -> str:
        return f"UserRequest(email=***, groups={self.groups!r}, password=***)"


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a user may change."""

    groups: tuple[str, ...]


class PasswordRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password; it is generated unless it is given."""

    password: str | None = None

    def __repr__(self) -> str:
        return "PasswordRequest(password=***)"


class UserList(msgspec.Struct, frozen=True, kw_only=True):
    """All users."""

    users: list[User]


@get("/v1/users", guards=ADMIN, sync_to_thread=True)
def list_users(request: Request[Any, Any, Any]) -> UserList:
    """All users."""
    return UserList(users=request.app.state.services.users.list())


@post("/v1/users", guards=ADMIN)
async def add_user(request: Request[Any, Any, Any], data: JSONBody[UserRequest]) -> NewPassword:
    """A new user; a generated password is shown this once."""
    made: NewPassword = await request.app.state.hashing.run(_add, request, data)
    return made


@patch("/v1/users/{user_id:str}", guards=ADMIN, status_code=204, sync_to_thread=True)
def change_user(request: Request[Any, Any, Any], user_id: UserId, data: JSONBody[UserChange]) -> None:
    """Put a user into other groups; counts from the user's next sign-in or refresh on."""
    request.app.state.services.users.set_groups(user_id, data.groups)
    audit(request, "user_changed", f"user/{user_id}")


@post("/v1/users/{user_id:str}/rotate", guards=ADMIN, status_code=200)
async def rotate_password(
    request: Request[Any, Any, Any], user_id: UserId, data: JSONBody[PasswordRequest | None] = None
) -> NewPassword:
    """Another password for a user; all sign-ins of the user end, and access tokens by themselves."""
    password = data.password if data else None
    made: NewPassword = await request.app.state.hashing.run(_set_password, request, user_id, password)
    return made


@delete("/v1/users/{user_id:str}", guards=ADMIN, sync_to_thread=True)
def remove_user(request: Request[Any, Any, Any], user_id: UserId) -> None:
    """Remove a user; all sign-ins of the user end, and access tokens by themselves."""
    services = request.app.state.services
    services.users.remove(user_id)
    services.sessions.end_all(user_id)
    audit(request, "user_removed", f"user/{user_id}")


user_routes = [list_users, add_user, change_user, rotate_password, remove_user]


def _add(request: Request[Any, Any, Any], asked: UserRequest) -> NewPassword:
    made: NewPassword = request.app.state.services.users.add(asked.email, asked.groups, asked.password)
    audit(request, "user_added", f"user/{made.user_id}")
    return made


def _set_password(request: Request[Any, Any, Any], user_id: str, password: str | None) -> NewPassword:
    services = request.app.state.services
    made: NewPassword = services.users.set_password(user_id, password)
    services.sessions.end_all(user_id)
    audit(request, "password_set", f"user/{user_id}")
    return made
