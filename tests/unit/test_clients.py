"""Clients without HTTP."""

import pytest

from cloudpulse.auth.clients import ClientService
from cloudpulse.errors import InvalidClient, InvalidParameter, NotFound

NOW = 1_800_000_000


@pytest.fixture
def clients(secrets, clock):
    return ClientService(secrets, lambda: clock.now)


def test_a_client_is_known_by_its_secret(clients):
    made = clients.add("shop", ["events:write", "events:write"], "web")
    client = clients.authenticate(made.client_id, made.client_secret)
    assert (client.client_id, client.name, client.app, client.scopes) == (
        made.client_id,
        "shop",
        "web",
        ("events:write",),
    )
    assert clients.list() == [client]
    assert made.client_secret not in repr(made)


def test_the_secret_of_a_client_is_not_stored(clients, secrets):
    made = clients.add("shop", ["events:write"])
    (version,) = secrets.versions(f"client/{made.client_id}", NOW)
    assert made.client_secret not in version.value


def test_wrong_credentials(clients):
    one, other = (clients.add(name, ["events:write"]) for name in ("one", "other"))
    for client_id, secret in (
        (one.client_id, other.client_secret),
        (one.client_id, ""),
        ("nobody", one.client_secret),
        ("", ""),
    ):
        with pytest.raises(InvalidClient):
            clients.authenticate(client_id, secret)


def test_after_a_rotation_both_secrets_work_for_a_while(clients, clock):
    first = clients.add("shop", ["events:write"])
    second = clients.rotate(first.client_id, keep_previous_seconds=60)
    assert second.client_id == first.client_id
    clock.now += 59
    for made in (first, second):
        assert clients.authenticate(made.client_id, made.client_secret).name == "shop"
    clock.now += 1
    clients.authenticate(second.client_id, second.client_secret)
    with pytest.raises(InvalidClient):
        clients.authenticate(first.client_id, first.client_secret)


def test_a_removed_client_gets_no_token(clients):
    made = clients.add("shop", ["events:write"])
    clients.remove(made.client_id)
    assert clients.list() == []
    with pytest.raises(InvalidClient):
        clients.authenticate(made.client_id, made.client_secret)
    for call in (clients.remove, clients.rotate):
        with pytest.raises(NotFound):
            call(made.client_id)


@pytest.mark.parametrize(
    ("name", "scopes", "app"),
    [
        ("", ["admin"], "a"),
        ("x" * 129, ["admin"], "a"),
        ("x\n", ["admin"], "a"),
        ("x", [], "a"),
        ("x", ["root"], "a"),
        ("x", ["admin"], ""),
        ("x", ["admin"], "a\x1b[2J"),
    ],
)
def test_a_client_that_makes_no_sense_is_refused(clients, name, scopes, app):
    with pytest.raises(InvalidParameter):
        clients.add(name, scopes, app)


def test_a_client_whose_name_is_not_allowed_any_more_stays(clients, secrets):
    made = clients.add("shop", ["admin"])
    [stored] = secrets.versions(f"client/{made.client_id}", 0)
    secrets.amend(f"client/{made.client_id}", stored.value.replace("shop", "shop\\n"))
    assert clients.authenticate(made.client_id, made.client_secret).name == "shop\n"
    clients.change(made.client_id, 5)
    assert clients.authenticate(made.client_id, clients.rotate(made.client_id).client_secret).requests_per_minute == 5
