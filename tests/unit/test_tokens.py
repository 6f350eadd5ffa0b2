"""Tokens and clients without HTTP."""

import base64
import json
from types import SimpleNamespace

import jwt
import pytest

from cloudpulse.auth import tokens as tokens_module
from cloudpulse.auth.clients import ClientService
from cloudpulse.auth.tokens import KEYS_FRESH_SECONDS, SIGNING_SECRET, TokenService
from cloudpulse.engines.local.secrets import SqliteSecrets
from cloudpulse.errors import InvalidClient, InvalidParameter, NotFound, Unauthorized
from cloudpulse.settings import Settings

NOW = 1_800_000_000


@pytest.fixture
def clock():
    return SimpleNamespace(now=NOW)


@pytest.fixture
def secrets(tmp_path):
    secrets = SqliteSecrets(tmp_path / "secrets.db")
    yield secrets
    secrets.close()


@pytest.fixture
def tokens(secrets, clock):
    return TokenService(secrets, Settings(), lambda: clock.now)


@pytest.fixture
def clients(secrets, clock):
    return ClientService(secrets, lambda: clock.now)


def forge(tokens, key=None, kid=None, algorithm="HS256", **changes):
    """A token like the service's own, with some claims changed (None leaves one out), signed by ``key``."""
    token = tokens.issue("probe", ["admin"], "default", 60)
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    version = tokens._secrets.versions(SIGNING_SECRET, NOW)[0]
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        version.value if key is None else key,
        algorithm,
        headers={"kid": version.version if kid is None else kid},
    )


def test_a_token_says_who_it_speaks_for(tokens):
    principal = tokens.verify(tokens.issue("c1", ["events:write", "admin"], "shop", 60))
    assert (principal.client_id, principal.app, principal.expires_at) == ("c1", "shop", NOW + 60)
    assert principal.scopes == {"events:write", "admin"}
    assert tokens.verify(forge(tokens)).client_id == "probe"


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_token_ends_when_it_says(tokens, clock, seen_before):
    token = tokens.issue("c1", ["admin"], "default", 60)
    clock.now += 59
    if seen_before:
        tokens.verify(token)
    clock.now += 1
    with pytest.raises(Unauthorized, match="expired"):
        tokens.verify(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other"},
        {"iss": "other"},
        {"aud": None},
        {"iss": None},
        {"exp": None},
        {"sub": None},
        {"scope": None},
        {"app": None},
        {"exp": "soon"},
        {"scope": 7},
        {"app": 7},
        {"key": "another-key-that-is-long-enough-for-hs256"},
        {"kid": "unknown"},
    ],
)
def test_a_token_that_is_not_ours_is_refused(tokens, changes):
    token = forge(tokens, **changes)
    with pytest.raises(Unauthorized):
        tokens.verify(token)


def test_the_algorithm_is_never_read_from_the_token(tokens, secrets):
    secrets.put(SIGNING_SECRET, "x" * 64, NOW)
    tokens.verify(forge(tokens))
    with pytest.raises(Unauthorized):
        tokens.verify(forge(tokens, algorithm="HS512"))


@pytest.mark.parametrize(
    "changes",
    [{"alg": "none"}, {"alg": "NONE"}, {"alg": ""}, {"alg": "RS256"}, {"alg": None}, {"kid": ["a"]}, {"kid": None}],
)
def test_a_handmade_header_is_refused(tokens, changes):
    own = tokens.issue("probe", ["admin"], "default", 60)
    header = json.dumps(jwt.get_unverified_header(own) | changes).encode()
    _, payload, signature = own.split(".")
    forged = f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{payload}."
    for token in (forged, forged + signature):
        with pytest.raises(Unauthorized):
            tokens.verify(token)


@pytest.mark.parametrize("token", ["", "x", "..", "a.b.c", "e30.e30.e30", "💥"])
def test_what_is_no_token_is_refused(tokens, token):
    with pytest.raises(Unauthorized):
        tokens.verify(token)


def test_tokens_of_the_previous_signing_secret_are_accepted_until_it_ends(tokens, secrets, clock):
    old = tokens.issue("c1", ["admin"], "default", 10_000)
    secrets.put(SIGNING_SECRET, "x" * 43, clock.now, keep_previous_seconds=1200)
    clock.now += KEYS_FRESH_SECONDS
    new = tokens.issue("c1", ["admin"], "default", 10_000)
    assert tokens.verify(old) == tokens.verify(old)
    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
    clock.now += 1200
    tokens.verify(new)
    with pytest.raises(Unauthorized):
        tokens.verify(old)


def test_a_signing_secret_without_overlap_ends_tokens_that_were_seen_before(tokens, secrets, clock):
    old = tokens.issue("c1", ["admin"], "default", 10_000)
    tokens.verify(old)
    secrets.put(SIGNING_SECRET, "x" * 43, clock.now)
    clock.now += KEYS_FRESH_SECONDS
    with pytest.raises(Unauthorized):
        tokens.verify(old)


def test_the_signing_secret_is_made_once_and_shared(tokens, secrets, clock):
    token = tokens.issue("c1", ["admin"], "default", 60)
    other = TokenService(secrets, Settings(), lambda: clock.now)
    assert other.verify(token).client_id == "c1"
    assert len(secrets.versions(SIGNING_SECRET, NOW)) == 1


def test_what_is_remembered_is_bounded(tokens, monkeypatch):
    monkeypatch.setattr(tokens_module, "MAX_REMEMBERED", 3)
    for number in range(10):
        assert tokens.verify(tokens.issue(f"c{number}", ["admin"], "default", 60)).client_id == f"c{number}"
    assert len(tokens._verified) <= 3


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
    [("", ["admin"], "a"), ("x" * 129, ["admin"], "a"), ("x", [], "a"), ("x", ["root"], "a"), ("x", ["admin"], "")],
)
def test_a_client_that_makes_no_sense_is_refused(clients, name, scopes, app):
    with pytest.raises(InvalidParameter):
        clients.add(name, scopes, app)
