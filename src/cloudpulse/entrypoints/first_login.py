"""The first start makes a client and a user with all scopes, and writes their secrets into the data folder.

Later starts take out of the file what does not sign in any more. The secret ``first_login`` says what is still to be
made, and nothing once all is: removing the last user or client does not bring it back. When a start is killed before
that, the next one makes them again, with other secrets.
"""

import time
from contextlib import suppress
from pathlib import Path

import msgspec

from cloudpulse import wiring
from cloudpulse.auth.clients import ClientService
from cloudpulse.auth.secret_files import write_private
from cloudpulse.auth.tokens import SCOPES
from cloudpulse.auth.users import UserService
from cloudpulse.entrypoints.data_folder import FIRST_LOGIN_FILE
from cloudpulse.errors import Unauthorized
from cloudpulse.events import times
from cloudpulse.ports import AuditEntry, AuditLog, Secrets

EMAIL = "admin@localhost"
CLIENT_NAME = "first"
STATE = "first_login"

ACTOR = "first_start"

Login = dict[str, str]


def make_first_login(
    folder: Path, secrets: Secrets, clients: ClientService, users: UserService, audit: AuditLog
) -> None:
    """Make what a new data folder, or one of an older version, lacks; keep in ``first-login`` only what is valid."""
    path = folder / FIRST_LOGIN_FILE
    missing = _missing(secrets, clients, users)
    written = _read(path)
    login = _valid_part(written, clients, users)
    if "client" in missing:
        login |= _client(clients, audit)
    if "user" in missing:
        login |= _user(users, audit)
    if not login:
        path.unlink(missing_ok=True)
    elif login != written:
        _write(path, login)
    if missing:
        secrets.put(STATE, "", int(time.time()))


def _missing(secrets: Secrets, clients: ClientService, users: UserService) -> list[str]:
    now = int(time.time())
    if versions := secrets.versions(STATE, now):
        return versions[0].value.split()
    missing = [kind for kind, there in (("client", clients.list()), ("user", users.list())) if not there]
    secrets.put(STATE, " ".join(missing), now)
    return missing


def _valid_part(login: Login, clients: ClientService, users: UserService) -> Login:
    valid: Login = {}
    for names, authenticate in (
        (("client_id", "client_secret"), clients.authenticate),
        (("email", "password"), users.authenticate),
    ):
        with suppress(KeyError, Unauthorized):
            half = {name: login[name] for name in names}
            authenticate(*half.values())
            valid |= half
    return valid


def _client(clients: ClientService, audit: AuditLog) -> Login:
    made = next((client.client_id for client in clients.list() if client.name == CLIENT_NAME), None)
    new = clients.rotate(made, keep_previous_seconds=0) if made else clients.add(CLIENT_NAME, SCOPES)
    audit.append(_entry("client_added", f"client/{new.client_id}"))
    return {"client_id": new.client_id, "client_secret": new.client_secret}


def _user(users: UserService, audit: AuditLog) -> Login:
    made = users.find_by_email(EMAIL)
    new = users.set_password(made.user_id) if made else users.add(EMAIL, SCOPES)
    assert new.password  # nobody chose it
    audit.append(_entry("user_added", f"user/{new.user_id}"))
    return {"email": new.email, "password": new.password}


def _entry(action: str, subject: str) -> AuditEntry:
    return AuditEntry(at=times.rfc3339(wiring.utc_now()), actor=ACTOR, action=action, subject=subject)


def _read(path: Path) -> Login:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Login)
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def _write(path: Path, login: Login) -> None:
    temporary = path.with_name(path.name + ".new")
    write_private(temporary, msgspec.json.encode(login) + b"\n")
    temporary.replace(path)
