"""The first start makes a client and a user with all scopes, and writes their secrets into the data folder.

The secret ``first_login`` says what is still to be made, and nothing once all is: removing the last user or client
does not bring it back. When a start is killed before that, the next one makes them again, with other secrets.
"""

import time
from pathlib import Path

import msgspec

from cloudpulse.auth.clients import ClientService
from cloudpulse.auth.secret_files import write_private
from cloudpulse.auth.tokens import SCOPES
from cloudpulse.auth.users import UserService
from cloudpulse.entrypoints.supervise import FIRST_LOGIN_FILE
from cloudpulse.ports import Secrets

EMAIL = "admin@localhost"
CLIENT_NAME = "first"
STATE = "first_login"

Login = dict[str, str | None]


def make_first_login(folder: Path, secrets: Secrets, clients: ClientService, users: UserService) -> None:
    """Make what a new data folder, or one of an older version, lacks, and write its secrets to ``first-login``."""
    missing = _missing(secrets, clients, users)
    if not missing:
        return
    login = _read(folder / FIRST_LOGIN_FILE)
    if "client" in missing:
        login |= _client(clients)
    if "user" in missing:
        login |= _user(users)
    _write(folder / FIRST_LOGIN_FILE, login)
    secrets.put(STATE, "", int(time.time()))


def _missing(secrets: Secrets, clients: ClientService, users: UserService) -> list[str]:
    now = int(time.time())
    if versions := secrets.versions(STATE, now):
        return versions[0].value.split()
    missing = [kind for kind, there in (("client", clients.list()), ("user", users.list())) if not there]
    secrets.put(STATE, " ".join(missing), now)
    return missing


def _client(clients: ClientService) -> Login:
    made = next((client.client_id for client in clients.list() if client.name == CLIENT_NAME), None)
    new = clients.rotate(made, keep_previous_seconds=0) if made else clients.add(CLIENT_NAME, SCOPES)
    return {"client_id": new.client_id, "client_secret": new.client_secret}


def _user(users: UserService) -> Login:
    made = users.find_by_email(EMAIL)
    new = users.set_password(made.user_id) if made else users.add(EMAIL, SCOPES)
    return {"email": new.email, "password": new.password}


def _read(path: Path) -> Login:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Login)
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def _write(path: Path, login: Login) -> None:
    temporary = path.with_name(path.name + ".new")
    write_private(temporary, msgspec.json.encode(login) + b"\n")
    temporary.replace(path)
