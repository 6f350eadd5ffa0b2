"""The first start makes one user and one client, also when it is killed in the middle."""

import json
from types import SimpleNamespace

import pytest

from cloudpulse.entrypoints import first_login
from cloudpulse.entrypoints.data_folder import FIRST_LOGIN_FILE
from cloudpulse.entrypoints.first_login import make_first_login
from cloudpulse.settings import Settings
from cloudpulse.wiring import trust


class Killed(BaseException):
    """What no code may catch."""


@pytest.fixture
def parts(tmp_path):
    settings = Settings(data=tmp_path)
    return SimpleNamespace(
        folder=tmp_path,
        secrets=trust.local_secrets(settings),
        clients=trust.local_clients(settings),
        users=trust.local_users(settings),
        audit=trust.local_audit(settings),
    )


def start(parts):
    make_first_login(parts.folder, parts.secrets, parts.clients, parts.users, parts.audit)


def login_of(parts):
    return json.loads((parts.folder / FIRST_LOGIN_FILE).read_text())


def assert_works(parts, login):
    client = parts.clients.authenticate(login["client_id"], login["client_secret"])
    account = parts.users.authenticate(login["email"], login["password"])
    everything = ("events:write", "events:read", "admin")
    assert (client.scopes, account.groups, account.email) == (everything, everything, "admin@localhost")


def test_the_first_start_makes_a_user_and_a_client(parts):
    start(parts)
    login = login_of(parts)
    assert set(login) == {"client_id", "client_secret", "email", "password"}
    assert (parts.folder / FIRST_LOGIN_FILE).stat().st_mode & 0o777 == 0o600
    assert_works(parts, login)


def test_what_the_first_start_makes_is_in_the_audit_log(parts):
    start(parts)
    entries = [json.loads(line) for line in (parts.folder / "audit.ndjson").read_text().splitlines()]
    [client], [user] = parts.clients.list(), parts.users.list()
    assert [(one["actor"], one["action"], one["subject"]) for one in entries] == [
        ("first_start", "client_added", f"client/{client.client_id}"),
        ("first_start", "user_added", f"user/{user.user_id}"),
    ]


def rotate_client(parts):
    parts.clients.rotate(parts.clients.list()[0].client_id, keep_previous_seconds=0)


def remove_client(parts):
    parts.clients.remove(parts.clients.list()[0].client_id)


def set_password(parts):
    parts.users.set_password(parts.users.list()[0].user_id)


def remove_user(parts):
    parts.users.remove(parts.users.list()[0].user_id)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ((), {"client_id", "client_secret", "email", "password"}),
        ((rotate_client,), {"email", "password"}),
        ((remove_client,), {"email", "password"}),
        ((set_password,), {"client_id", "client_secret"}),
        ((remove_user,), {"client_id", "client_secret"}),
        ((rotate_client, set_password), set()),
    ],
)
def test_later_starts_take_out_what_does_not_sign_in_any_more(parts, changes, left):
    start(parts)
    before = login_of(parts)
    for change in changes:
        change(parts)
    start(parts)
    path = parts.folder / FIRST_LOGIN_FILE
    assert (login_of(parts) if path.exists() else {}) == {name: before[name] for name in left}
    assert not path.exists() or path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", '{"email": "admin@localhost"}', '{"password": null}', "[]"])
def test_a_file_that_tells_nothing_goes(parts, content):
    start(parts)
    (parts.folder / FIRST_LOGIN_FILE).write_text(content)
    start(parts)
    assert not (parts.folder / FIRST_LOGIN_FILE).exists()


def test_later_starts_make_nothing_even_when_all_are_removed(parts):
    start(parts)
    (parts.folder / FIRST_LOGIN_FILE).unlink()
    parts.users.remove(parts.users.list()[0].user_id)
    parts.clients.remove(parts.clients.list()[0].client_id)
    start(parts)
    assert (parts.users.list(), parts.clients.list()) == ([], [])
    assert not (parts.folder / FIRST_LOGIN_FILE).exists()


def test_a_folder_of_an_older_version_gets_a_user_and_keeps_its_client(parts):
    made = parts.clients.add("first", ["admin"])
    older = {"client_id": made.client_id, "client_secret": made.client_secret}
    (parts.folder / FIRST_LOGIN_FILE).write_text(json.dumps(older))
    start(parts)
    login = login_of(parts)
    assert older.items() <= login.items()
    assert parts.clients.authenticate(made.client_id, made.client_secret)
    assert parts.users.authenticate(login["email"], login["password"])


def test_a_folder_whose_client_was_shown_gets_a_user_alone(parts):
    made = parts.clients.add("first", ["admin"])
    start(parts)
    assert set(login_of(parts)) == {"email", "password"}
    assert parts.clients.authenticate(made.client_id, made.client_secret)


def test_users_that_were_added_before_the_first_start_stay_alone(parts):
    parts.users.add("ada@example.com", ["admin"])
    start(parts)
    assert set(login_of(parts)) == {"client_id", "client_secret"}
    assert [user.email for user in parts.users.list()] == ["ada@example.com"]


@pytest.mark.parametrize("step", ["_client", "_user", "_write", "replace", "done"])
@pytest.mark.parametrize("done", [False, True])
def test_a_start_that_is_killed_is_made_up_for(parts, monkeypatch, step, done):
    """Just before or just after each step."""

    def killed_at(function):
        def call(*arguments):
            if done:
                function(*arguments)
            raise Killed

        return call

    if step == "replace":
        monkeypatch.setattr(first_login.Path, "replace", killed_at(first_login.Path.replace))
    elif step == "done":
        put = parts.secrets.put
        guarded = killed_at(put)
        monkeypatch.setattr(parts.secrets, "put", lambda *a, **k: guarded(*a) if a[1] == "" else put(*a, **k))
    else:
        monkeypatch.setattr(first_login, step, killed_at(getattr(first_login, step)))
    with pytest.raises(Killed):
        start(parts)
    monkeypatch.undo()
    start(parts)
    assert_works(parts, login_of(parts))
    assert (len(parts.clients.list()), len(parts.users.list())) == (1, 1)
    left = sorted(path.name for path in parts.folder.iterdir() if path.name.startswith(FIRST_LOGIN_FILE))
    assert left == [FIRST_LOGIN_FILE]


def test_a_killed_start_leaves_the_client_of_an_older_version(parts, monkeypatch):
    made = parts.clients.add("first", ["admin"])
    monkeypatch.setattr(first_login, "_user", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        start(parts)
    monkeypatch.undo()
    start(parts)
    assert parts.clients.authenticate(made.client_id, made.client_secret)
    assert set(login_of(parts)) == {"email", "password"}
