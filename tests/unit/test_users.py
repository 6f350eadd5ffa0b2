"""People and their passwords without HTTP."""

import threading
import time

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError

from cloudpulse.auth import passwords
from cloudpulse.auth.users import UserService
from cloudpulse.engines.local.secrets import SqliteSecrets
from cloudpulse.errors import InvalidCredentials, InvalidParameter, NotFound, Overloaded

NOW = 1_800_000_000
PASSWORD = "correct horse battery"


@pytest.fixture
def users(secrets, clock):
    return UserService(secrets, lambda: clock.now)


def test_a_user_gets_a_password_that_works(users):
    made = users.add(" Ada@Example.com ", ["events:read", "events:read"])
    assert len(made.password) >= 20
    account = users.authenticate("ada@example.COM", made.password)
    assert (account.user_id, account.email, account.groups) == (made.user_id, "Ada@Example.com", ("events:read",))
    assert made.password not in repr(made)
    assert users.find_by_email("ADA@example.com ") == account == users.find(made.user_id)


def test_a_chosen_password_is_not_shown_again(users):
    made = users.add("ada@example.com", [], PASSWORD)
    assert made.password is None
    assert users.set_password(made.user_id, PASSWORD + "!").password is None
    assert users.authenticate("ada@example.com", PASSWORD + "!").groups == ()


def test_a_user_changes_groups_and_nothing_else(users):
    made = users.add("ada@example.com", ["admin"], PASSWORD)
    before = users.find(made.user_id)
    users.set_groups(made.user_id, ["events:read", "events:read", "events:write"])
    after = users.authenticate("ada@example.com", PASSWORD)
    assert (after.groups, after.password_id) == (("events:read", "events:write"), before.password_id)
    with pytest.raises(InvalidParameter):
        users.set_groups(made.user_id, ["root"])
    with pytest.raises(NotFound):
        users.set_groups("nobody", [])


def test_users_are_listed_by_address_with_the_time_they_were_made(users, clock):
    for email in ("b@x", "a@x"):
        users.add(email, [])
    clock.now += 100
    users.set_password(users.find_by_email("a@x").user_id)
    assert [(user.email, user.created_at.timestamp()) for user in users.list()] == [("a@x", NOW), ("b@x", NOW)]
    assert not hasattr(users.list()[0], "password_id")


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com", "", "x" * 5000, "ada\x00@x"])
@pytest.mark.parametrize("password", ["wrong", "", "x" * 5000, "\x00"])
def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(users, email, password):
    users.add("ada@example.com", [], PASSWORD)
    with pytest.raises(InvalidCredentials) as caught:
        users.authenticate(email, password)
    assert str(caught.value) == "The e-mail address or the password is wrong."


def test_an_unknown_address_costs_a_verification_with_todays_parameters(users, monkeypatch):
    users.add("ada@example.com", [], PASSWORD)
    verified = []
    monkeypatch.setattr(
        "cloudpulse.auth.passwords.matches", lambda encoded, password: verified.append(encoded.rsplit("$", 2)[0])
    )
    for email in ("ada@example.com", "nobody@example.com"):
        with pytest.raises(InvalidCredentials):
            users.authenticate(email, "wrong")
    assert verified[0] == verified[1]


def test_an_address_is_taken_once(users):
    users.add("stra\u00dfe@x", [])
    for same in ("STRASSE@X", " strasse@x"):
        with pytest.raises(InvalidParameter):
            users.add(same, [])
    users.add("jose\u0301@x", [])
    with pytest.raises(InvalidParameter):
        users.add("Jos\u00e9@x", [])
    assert users.find_by_email("jose\u0301@x") == users.find_by_email("JOS\u00c9@x") is not None


class SlowSecrets(SqliteSecrets):
    """Others come in between."""

    def versions(self, name, now):
        found = super().versions(name, now)
        time.sleep(0.05)
        return found


def test_an_address_is_taken_once_also_at_the_same_moment(tmp_path):
    secrets = SlowSecrets(tmp_path / "secrets.db")
    users = UserService(secrets, lambda: NOW)
    outcomes = []

    def add():
        try:
            outcomes.append(users.add("ada@example.com", []).user_id)
        except InvalidParameter:
            outcomes.append(None)

    run_together(*[add] * 4)
    assert sorted(map(bool, outcomes)) == [False, False, False, True]
    assert [user.user_id for user in users.list()] == [one for one in outcomes if one]
    secrets.close()


@pytest.mark.parametrize(
    "email",
    [
        *("", "ada", "@x", "a@", "a b@x", "a@b@c", "a\n@x", "a\u202e@x", "a\u200b@x", "a\ud800@x"),
        *("<a@x>", "a,b@x", "a\\@x", '"a"@x', "a" * 65 + "@x", "a@" + "x" * 253),
    ],
)
def test_a_strange_address_is_refused(users, email):
    with pytest.raises(InvalidParameter, match="email"):
        users.add(email, [])


@pytest.mark.parametrize("email", ["admin@localhost", "a.b+c@x.example", "o'hara@x", "\u00e9@\u00fc.example"])
def test_an_ordinary_address_is_taken(users, email):
    assert users.add(email, []).email == email


@pytest.mark.parametrize(
    "password", ["short-one-1", "x" * 257, "", "with\x00control12", "line\nbreak-12345", "e\u0301" * 11]
)
def test_a_bad_password_is_refused(users, password):
    made = users.add("ada@example.com", [], PASSWORD)
    for change in (lambda: users.add("b@x", [], password), lambda: users.set_password(made.user_id, password)):
        with pytest.raises(InvalidParameter, match="password"):
            change()
    assert users.authenticate("ada@example.com", PASSWORD)


@pytest.mark.parametrize("password", ["x" * 12, "x" * 256, "pass phrase with blanks", "\U0001f469\u200d\U0001f680" * 4])
def test_an_ordinary_password_is_taken(users, password):
    users.add("ada@example.com", [], password)
    assert users.authenticate("ada@example.com", password)
    with pytest.raises(InvalidCredentials):
        users.authenticate("ada@example.com", password + "x")


def test_a_password_is_the_same_however_it_is_composed(users):
    users.add("ada@example.com", [], "cafe\u0301 cafe\u0301 cafe\u0301")
    assert users.authenticate("ada@example.com", "caf\u00e9 caf\u00e9 caf\u00e9")


@pytest.mark.parametrize("groups", [["root"], ["events:read", ""], ["Admin"]])
def test_an_unknown_group_is_refused(users, groups):
    with pytest.raises(InvalidParameter, match="events:write, events:read, admin"):
        users.add("ada@example.com", groups)


def test_a_new_password_ends_the_old_one(users):
    made = users.add("ada@example.com", [])
    before = users.find(made.user_id).password_id
    new = users.set_password(made.user_id)
    assert users.authenticate("ada@example.com", new.password).password_id != before
    with pytest.raises(InvalidCredentials):
        users.authenticate("ada@example.com", made.password)


def test_a_removed_user_is_gone(users, secrets):
    made = users.add("ada@example.com", [])
    users.remove(made.user_id)
    assert (users.list(), users.find(made.user_id), secrets.names()) == ([], None, [])
    with pytest.raises(InvalidCredentials):
        users.authenticate("ada@example.com", made.password)
    for change in (users.remove, users.set_password):
        with pytest.raises(NotFound):
            change(made.user_id)


def test_only_an_argon2id_hash_is_stored(users, secrets):
    users.add("ada@example.com", [], PASSWORD)
    [version] = secrets.versions("user/ada@example.com", NOW)
    assert PASSWORD not in version.value
    assert "$argon2id$v=19$m=32768,t=3,p=1$" in version.value


def test_a_hash_is_made_anew_when_the_parameters_change(users, secrets, monkeypatch):
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    users.add("ada@example.com", ["admin"], PASSWORD)
    monkeypatch.undo()
    before = users.find_by_email("ada@example.com")
    users.authenticate("ada@example.com", PASSWORD)
    [version] = secrets.versions("user/ada@example.com", NOW)
    assert "m=32768,t=3,p=1" in version.value
    assert users.authenticate("ada@example.com", PASSWORD) == before


def test_a_password_that_is_set_meanwhile_is_not_undone(users, monkeypatch):
    made = users.add("ada@example.com", [], PASSWORD)
    monkeypatch.setattr(passwords, "is_outdated", lambda encoded: users.set_password(made.user_id, "another password"))
    users.authenticate("ada@example.com", PASSWORD)
    monkeypatch.undo()
    assert users.authenticate("ada@example.com", "another password")


class _NoMemory:
    def verify(self, encoded, password):
        raise VerificationError("Memory allocation error")

    def hash(self, password):
        raise HashingError("Memory allocation error")


def test_no_memory_is_no_wrong_password(users, monkeypatch):
    users.add("ada@example.com", [], PASSWORD)
    monkeypatch.setattr(passwords, "_hasher", _NoMemory())
    for attempt in (lambda: users.authenticate("ada@example.com", PASSWORD), lambda: users.add("b@x", [])):
        with pytest.raises(Overloaded):
            attempt()


def run_together(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
