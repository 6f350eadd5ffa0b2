"""Who issues tokens here, with which keys, and for how long they count."""

import threading
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from cloudpulse.auth import user_tokens as user_tokens_module
from cloudpulse.auth import verify as verify_module
from cloudpulse.auth.signing_keys import SigningKeys
from cloudpulse.auth.tokens import SIGNING_SECRET, TokenService
from cloudpulse.auth.user_tokens import USER_SIGNING_SECRET, UserTokens
from cloudpulse.auth.verify import KEYS_FRESH_SECONDS, Verifier
from cloudpulse.errors import InvalidParameter, SettingError, TokenExpired, Unauthorized
from cloudpulse.settings import Settings

NOW = 1_800_000_000
SETTINGS = Settings(public_url="https://pulse.example.com/", token_max_ttl_seconds=3600)
LONGEST = SETTINGS.token_max_ttl_seconds


@pytest.fixture
def tokens(secrets, clock):
    return TokenService(secrets, SETTINGS, lambda: clock.now)


@pytest.fixture
def user_tokens(secrets, clock):
    return UserTokens(secrets, SETTINGS, lambda: clock.now)


@pytest.fixture
def verifier(tokens, user_tokens, clock):
    return Verifier([tokens, user_tokens], lambda: clock.now)


@pytest.fixture(params=["client", "user"])
def kind(request, tokens, user_tokens):
    """One way to issue, to rotate, and the name of the secret behind it."""

    def issue(ttl_seconds=LONGEST):
        if request.param == "client":
            return tokens.issue("c1", ["admin"], "default", ttl_seconds)
        return user_tokens.issue("u1", ["admin"], ttl_seconds)

    service = tokens if request.param == "client" else user_tokens
    secret = SIGNING_SECRET if request.param == "client" else USER_SIGNING_SECRET
    return SimpleNamespace(issue=issue, rotate=service.rotate, secret=secret)


def test_the_token_of_a_client(tokens, verifier):
    token = tokens.issue("c1", ["events:write", "admin"], "shop", 60)
    principal = verifier.verify(token)
    assert (principal.client_id, principal.app, principal.expires_at) == ("c1", "shop", NOW + 60)
    assert principal.scopes == {"events:write", "admin"}
    assert principal.requests_per_minute is None
    assert "rpm" not in jwt.decode(token, options={"verify_signature": False})


def test_the_token_of_a_client_with_a_limit(tokens, verifier):
    token = tokens.issue("c1", ["admin"], "shop", 60, requests_per_minute=30)
    assert verifier.verify(token).requests_per_minute == 30


def test_the_token_of_a_user(user_tokens, verifier):
    principal = verifier.verify(user_tokens.issue("ab12", ["events:read"], 60))
    assert (principal.client_id, principal.app, principal.scopes) == ("user/ab12", "default", {"events:read"})
    assert (principal.expires_at, principal.requests_per_minute) == (NOW + 60, None)
    assert verifier.verify(user_tokens.issue("ab12", [], 60)).scopes == frozenset()


def test_the_token_of_a_user_can_be_verified_with_the_public_keys_alone(user_tokens):
    token = user_tokens.issue("ab12", ["admin"], 60)
    (key,) = user_tokens.jwks()
    assert (key.kty, key.use, key.alg) == ("RSA", "sig", "RS256")
    public = RSAAlgorithm.from_jwk({"kty": key.kty, "n": key.n, "e": key.e})
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == 2048
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": key.kid}
    claims = jwt.decode(token, public, ["RS256"], {"verify_exp": False, "verify_iat": False}, audience="cloudpulse")
    assert (claims["iss"], claims["sub"], claims["iat"]) == ("https://pulse.example.com", "ab12", NOW)


@pytest.mark.parametrize("ttl_seconds", [LONGEST + 1, 0, -1])
def test_a_token_lives_no_longer_than_its_key(kind, ttl_seconds):
    with pytest.raises(InvalidParameter, match="token_max_ttl_seconds"):
        kind.issue(ttl_seconds)


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_token_ends_when_it_says(kind, verifier, clock, seen_before):
    token = kind.issue(60)
    clock.now += 59
    if seen_before:
        verifier.verify(token)
    clock.now += 1
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_after_a_rotation_tokens_end_by_themselves_and_the_key_with_the_last(kind, verifier, secrets, clock):
    old = kind.issue()
    clock.now += 100
    last = kind.issue()
    kind.rotate()
    new = kind.issue()
    assert verifier.verify(new) == verifier.verify(last)
    kids = [jwt.get_unverified_header(token)["kid"] for token in (old, last, new)]
    assert kids[0] == kids[1] != kids[2]
    clock.now += LONGEST - 1
    verifier.verify(last)
    assert len(secrets.versions(kind.secret, clock.now)) == 2
    clock.now += 1
    assert len(secrets.versions(kind.secret, clock.now)) == 1


def test_two_rotations_in_a_row_end_no_token(kind, verifier):
    issued = [kind.issue()]
    for _ in range(2):
        kind.rotate()
        issued.append(kind.issue())
    assert len({jwt.get_unverified_header(token)["kid"] for token in issued}) == 3
    for token in issued:
        verifier.verify(token)


def test_public_keys_are_published_as_long_as_they_are_valid(user_tokens, clock):
    first = user_tokens.jwks()
    user_tokens.rotate()
    newest, before = user_tokens.jwks()
    assert first == (before,)
    clock.now += LONGEST
    assert user_tokens.jwks() == (newest,)


def test_a_key_that_is_gone_ends_tokens_that_were_seen_before(kind, verifier, secrets, clock):
    token = kind.issue()
    verifier.verify(token)
    secrets.remove(kind.secret)
    clock.now += KEYS_FRESH_SECONDS
    with pytest.raises(Unauthorized):
        verifier.verify(token)


def test_keys_are_read_again_when_the_clock_was_set_back(kind, verifier, secrets, clock):
    token = kind.issue()
    verifier.verify(token)
    secrets.remove(kind.secret)
    clock.now -= 30
    with pytest.raises(Unauthorized):
        verifier.verify(token)


def test_a_clock_that_is_set_back_refuses_no_token(kind, verifier, clock):
    token = kind.issue()
    clock.now -= 60
    verifier.verify(token)


def test_a_token_of_the_future_is_refused(kind, verifier, clock):
    token = kind.issue()
    clock.now -= 61
    with pytest.raises(Unauthorized):
        verifier.verify(token)


def test_the_key_is_made_once_and_shared(kind, tokens, user_tokens, secrets, clock):
    token = kind.issue()
    others = [TokenService(secrets, SETTINGS, lambda: clock.now), UserTokens(secrets, SETTINGS, lambda: clock.now)]
    Verifier(others, lambda: clock.now).verify(token)
    assert len(secrets.versions(kind.secret, NOW)) == 1


def test_verifying_makes_no_keys(verifier, secrets, monkeypatch):
    monkeypatch.setattr(user_tokens_module, "generate_private_key", lambda **_: pytest.fail("made a key"))
    with pytest.raises(Unauthorized):
        verifier.verify("e30.e30.e30")
    assert secrets.names() == []


def test_what_is_remembered_is_bounded(tokens, verifier, monkeypatch):
    monkeypatch.setattr(verify_module, "MAX_REMEMBERED", 3)
    for number in range(10):
        assert verifier.verify(tokens.issue(f"c{number}", ["admin"], "default", 60)).client_id == f"c{number}"
    assert len(verifier._verified) <= 3


def test_a_token_seen_before_is_not_verified_again(tokens, verifier, monkeypatch):
    token = tokens.issue("c1", ["admin"], "default", 60)
    first = verifier.verify(token)
    monkeypatch.setattr(verify_module.jwt, "decode", lambda *_, **__: pytest.fail("verified again"))
    assert verifier.verify(token) is first


def test_two_issuers_cannot_have_one_name(tokens, secrets, clock):
    same = UserTokens(secrets, Settings(public_url="cloudpulse"), lambda: clock.now)
    with pytest.raises(SettingError, match="oidc_issuer"):
        Verifier([tokens, same], lambda: clock.now)


def test_two_threads_that_both_need_the_first_key_make_one(secrets):
    others: list[threading.Thread] = []

    def make():
        if not others:
            others.append(threading.Thread(target=keys.newest))
            others[0].start()
            others[0].join(0.2)  # it waits for the key that is being made
        return "secret"

    keys = SigningKeys(secrets, "name", make, str, 60, lambda: NOW)
    keys.newest()
    others[0].join()
    assert len(secrets.versions("name", NOW)) == 1
