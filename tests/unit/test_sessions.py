"""Sign-ins that last: every renewal has a new token, and a token that comes back ends them all."""

import threading

import pytest

from cloudpulse.auth.sessions import GRACE_SECONDS, MAX_FAMILIES, SessionService
from cloudpulse.errors import InvalidCredentials, SessionReused

NOW = 1_800_000_000
DAY = 86_400
ADA, BOB = "a" * 16, "b" * 16


@pytest.fixture
def sessions(secrets, clock):
    return SessionService(secrets, 30, lambda: clock.now)


def refused(sessions, token):
    with pytest.raises(InvalidCredentials) as caught:
        sessions.renew(token)
    return not isinstance(caught.value, SessionReused)


def test_each_renewal_gives_a_new_token_and_the_same_end(sessions, clock, secrets):
    session = sessions.begin(ADA, "p1")
    seen = {session.token}
    for day in range(1, 30):
        clock.now = NOW + day * DAY
        session = sessions.renew(session.token)
        assert (session.user_id, session.password_id) == (ADA, "p1")
        assert session.expires_in == (30 - day) * DAY
        seen.add(session.token)
    assert len(seen) == 30
    assert session.token not in repr(session)
    assert len(secrets.names("session/")) == 1
    clock.now = NOW + 30 * DAY
    assert refused(sessions, session.token)


def test_a_token_that_comes_back_ends_the_whole_sign_in(sessions, clock):
    other = sessions.begin(ADA, "p")
    stolen = sessions.begin(ADA, "p").token
    current = sessions.renew(stolen).token
    clock.now += GRACE_SECONDS + 1
    with pytest.raises(SessionReused) as caught:
        sessions.renew(stolen)
    assert caught.value.user_id == ADA
    assert refused(sessions, current)
    assert sessions.renew(other.token)


def test_a_token_two_behind_ends_the_sign_in_at_once(sessions):
    first = sessions.begin(ADA, "p").token
    second = sessions.renew(first).token
    third = sessions.renew(second).token
    with pytest.raises(SessionReused):
        sessions.renew(first)
    assert refused(sessions, third)


def test_a_second_tab_gets_the_token_of_the_first(sessions, clock):
    first = sessions.begin(ADA, "p").token
    clock.now += 5
    second = sessions.renew(first).token
    clock.now += GRACE_SECONDS
    assert sessions.renew(first).token == second
    assert sessions.renew(second).token != second


def test_tabs_at_the_same_moment_get_one_token(sessions):
    first = sessions.begin(ADA, "p").token
    answers = []
    together = threading.Barrier(8)

    def renew():
        together.wait()
        answers.append(sessions.renew(first).token)

    threads = [threading.Thread(target=renew) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    [second] = set(answers)
    assert second.split(".")[2] == "1"


def test_a_token_that_was_never_issued_ends_nothing(sessions):
    token = sessions.begin(ADA, "p").token
    user, family, number, mac = token.split(".")
    forged = [
        f"{user}.{family}.1.{mac}",
        f"{user}.{family}.{number}.{'A' * 43}",
        f"{BOB}.{family}.{number}.{mac}",
        f"{user}.{'0' * 16}.{number}.{mac}",
        f"{user}.{family}.00.{mac}",
        f"{user}.{family}.-1.{mac}",
        f"{user}.{family}.{'9' * 5000}.{mac}",
        f"{user}.{family}.\u0661.{mac}",
        f"../{user}.{family}.{number}.{mac}",
        f"{token}\n",
        token + "A",
        token[:-1],
        "",
        "...",
        "%",
        "\ud800",
    ]
    for wrong in forged:
        assert refused(sessions, wrong), wrong
    assert sessions.renew(token)


def test_a_sign_in_ends(sessions):
    session = sessions.begin(ADA, "p")
    renewed = sessions.renew(session.token)
    assert sessions.end(renewed.token) == ADA
    assert refused(sessions, renewed.token)
    with pytest.raises(InvalidCredentials):
        sessions.end(renewed.token)


def test_all_sign_ins_of_a_user_end(sessions):
    mine = [sessions.begin(ADA, "p").token for _ in range(3)]
    others = sessions.begin(BOB, "p").token
    sessions.end_all(ADA)
    assert all(refused(sessions, token) for token in mine)
    assert sessions.renew(others)


def test_what_is_over_goes_when_the_user_signs_in(sessions, clock, secrets):
    sessions.begin(ADA, "p")
    sessions.begin(BOB, "p")
    clock.now += 30 * DAY
    sessions.begin(ADA, "p")
    assert len(secrets.names(f"session/{ADA}/")) == 1
    assert len(secrets.names(f"session/{BOB}/")) == 1
    sessions.expire()
    assert len(secrets.names("session/")) == 1


def test_a_user_has_so_many_sign_ins_and_the_oldest_goes(sessions, clock, secrets):
    tokens = []
    for _ in range(MAX_FAMILIES + 2):
        clock.now += 1
        tokens.append(sessions.begin(ADA, "p").token)
    assert len(secrets.names("session/")) == MAX_FAMILIES
    assert [refused(sessions, token) for token in tokens[:2]] == [True, True]
    assert all(sessions.renew(token) for token in tokens[2:])


def test_sign_ins_outlive_the_process(sessions, secrets, clock):
    token = sessions.begin(ADA, "p").token
    assert SessionService(secrets, 30, lambda: clock.now).renew(token).user_id == ADA


def test_the_store_holds_no_token(sessions, secrets):
    token = sessions.begin(ADA, "p").token
    [name] = secrets.names("session/")
    assert token.rsplit(".", 1)[1] not in secrets.versions(name, NOW)[0].value
