"""``cloudpulse users`` on a stopped folder."""

import json
import os
import pty
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cloudpulse.cli.main import app
from cloudpulse.errors import InvalidCredentials
from cloudpulse.settings import Settings
from cloudpulse.wiring import trust

EMAIL = "Ada@Example.com"
PASSWORD = "correct horse battery"


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path / "data")


@pytest.fixture
def run(settings):
    def run(*arguments, code=0, **options):
        result = CliRunner().invoke(app, ["users", *arguments, "--data", str(settings.data)], **options)
        assert result.exit_code == code, result.output
        return result

    return run


def audited(settings):
    lines = (settings.data / "audit.ndjson").read_text().splitlines()
    return [(one["actor"], one["action"], one["subject"]) for one in map(json.loads, lines)]


def test_users_are_managed_in_a_stopped_folder(run, settings):
    made = json.loads(run("add", EMAIL, "--group", "admin", "--group", "events:read").stdout)
    assert list(made) == ["user_id", "email", "password"]
    users, sessions = trust.local_users(settings), trust.local_sessions(settings)
    account = users.authenticate(EMAIL, made["password"])
    assert account.groups == ("admin", "events:read")

    [listed] = json.loads(run("list", "--json").stdout)
    assert (listed["email"], listed["groups"]) == (EMAIL, ["admin", "events:read"])
    assert made["password"] not in str(listed)
    assert "admin events:read" in run("list").stdout

    token = sessions.begin(account.user_id, account.password_id).token
    new = json.loads(run("password", " ada@EXAMPLE.com").stdout)
    assert users.authenticate(EMAIL, new["password"])
    with pytest.raises(InvalidCredentials):
        sessions.renew(token)

    token = sessions.begin(account.user_id, account.password_id).token
    run("remove", EMAIL)
    with pytest.raises(InvalidCredentials):
        sessions.renew(token)
    assert users.list() == []
    subject = f"user/{made['user_id']}"
    assert audited(settings) == [
        ("client/cloudpulse-cli", action, subject) for action in ("user_added", "password_set", "user_removed")
    ]


def test_a_password_comes_from_standard_input(run, settings):
    made = json.loads(run("add", EMAIL, "--password-stdin", input=PASSWORD + "\n").stdout)
    assert made["password"] is None
    users = trust.local_users(settings)
    assert users.authenticate(EMAIL, PASSWORD).groups == ("events:read",)
    run("password", EMAIL, "--password-stdin", input=PASSWORD + "!\r\nmore\n")
    assert users.authenticate(EMAIL, PASSWORD + "!")


def test_a_user_that_cannot_be(run):
    run("add", EMAIL)
    assert "There is a user" in run("add", EMAIL, code=1).stderr
    assert "password must have" in run("add", "b@x", "--password-stdin", input="short\n", code=1).stderr
    assert "'root' is no group" in run("add", "b@x", "--group", "root", code=2).stderr
    for arguments in (("remove",), ("password",), ("change", "--group", "admin")):
        assert "There is no user 'b@x'" in run(*arguments, "b@x", code=1).stderr


def test_groups_change_and_may_be_none(run, settings):
    made = json.loads(run("add", EMAIL, "--group", "none").stdout)
    users = trust.local_users(settings)
    assert users.authenticate(EMAIL, made["password"]).groups == ()
    run("change", EMAIL.lower(), "--group", "admin", "--group", "events:read")
    assert users.authenticate(EMAIL, made["password"]).groups == ("admin", "events:read")
    run("change", EMAIL, "--group", "none")
    assert users.authenticate(EMAIL, made["password"]).groups == ()
    assert [action for _, action, _ in audited(settings)] == ["user_added", "user_changed", "user_changed"]


def test_a_terminal_asks_for_the_password_and_does_not_show_it(settings):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cloudpulse.cli.main", "users", "add", EMAIL, "--password-stdin"]
    with subprocess.Popen(
        [*command, "--data", str(settings.data)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # else it would ask at the terminal of whoever runs the tests
    ) as process:
        prompt = process.stderr.read(len("Password: "))
        os.write(ours, f"{PASSWORD}\n".encode())
        os.write(theirs, b"end")
        said = process.communicate(timeout=60)
    shown = os.read(ours, 1000)
    for descriptor in (ours, theirs):
        os.close(descriptor)
    assert (prompt, process.returncode) == (b"Password: ", 0), said
    assert PASSWORD.encode() not in shown + b"".join(said)
    assert trust.local_users(settings).authenticate(EMAIL, PASSWORD)


def test_only_adding_makes_a_folder(run, settings):
    for arguments in (("list",), ("remove", EMAIL), ("password", EMAIL), ("change", EMAIL, "--group", "admin")):
        assert "there is no CloudPulse data" in run(*arguments, code=1).stderr
    assert not settings.data.exists()
    run("add", EMAIL)
    assert settings.data.stat().st_mode & 0o777 == 0o700
