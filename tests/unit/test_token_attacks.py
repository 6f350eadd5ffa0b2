"""Tokens that somebody made who must not: each is refused, though one step away from a token that is accepted."""

import base64
import hashlib
import hmac
import json
from types import SimpleNamespace

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from cloudpulse.auth.oidc import OidcIssuer
from cloudpulse.auth.tokens import SIGNING_SECRET, TokenService
from cloudpulse.auth.user_tokens import USER_SIGNING_SECRET, UserTokens
from cloudpulse.auth.verify import MAX_TOKEN_CHARS, Verifier
from cloudpulse.engines.local.secrets import SqliteSecrets
from cloudpulse.errors import Unauthorized
from cloudpulse.settings import Settings
from oidc_server import AUDIENCE, OidcServer, verify

NOW = 1_800_000_000
SETTINGS = Settings()
KINDS = ["client", "user", "foreign"]


class World:
    """Three issuers, their keys, and one good token of each."""

    def __init__(self, secrets: SqliteSecrets, server: OidcServer) -> None:
        self.server = server
        tokens = TokenService(secrets, SETTINGS, lambda: NOW)
        users = UserTokens(secrets, SETTINGS, lambda: NOW)
        self.verifier = Verifier([tokens, users, OidcIssuer(server.url, AUDIENCE)], lambda: NOW)
        self.good = {
            "client": tokens.issue("c1", ["admin"], "default", 60),
            "user": users.issue("u1", ["admin"], 60),
            "foreign": server.issue(NOW, scope="admin"),
        }
        signing, user_signing = (secrets.versions(name, NOW)[0].value for name in (SIGNING_SECRET, USER_SIGNING_SECRET))
        self.keys = {
            "client": signing.encode(),
            "user": load_pem_private_key(user_signing.encode(), None),
            "foreign": server.private["k1"],
        }
        self.jwk = msgspec.to_builtins(users.jwks()[0])
        for token in self.good.values():
            verify(self.verifier, token)

    def header(self, kind):
        return jwt.get_unverified_header(self.good[kind])

    def claims(self, kind):
        return jwt.decode(self.good[kind], options={"verify_signature": False})

    def forge(self, kind, header=None, claims=None, key=None):
        """The good token with changes (None takes a member out), signed as its issuer would, or with another key."""
        header = without_none(self.header(kind) | (header or {}))
        claims = without_none(self.claims(kind) | (claims or {}))
        return self.sign(kind, json.dumps(header), json.dumps(claims), key)

    def sign(self, kind, header, claims, key=None):
        """A token of two texts, signed in the way of the issuer's algorithm."""
        signed = f"{b64(header)}.{b64(claims)}"
        key = self.keys[kind] if key is None else key
        algorithm = "HS256" if isinstance(key, bytes) else "RS256"
        signature = (
            hmac.digest(key, signed.encode(), "sha256")
            if algorithm == "HS256"
            else jwt.algorithms.get_default_algorithms()["RS256"].sign(signed.encode(), key)
        )
        return f"{signed}.{b64(signature)}"

    def refuses(self, token):
        with pytest.raises(Unauthorized):
            verify(self.verifier, token)
        return True


def without_none(members):
    return {name: value for name, value in members.items() if value is not None}


def b64(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    secrets = SqliteSecrets(tmp_path_factory.mktemp("attacks") / "secrets.db")
    server = OidcServer()
    world = World(secrets, server)
    yield world
    server.close()
    secrets.close()


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_what_is_forged_without_a_change_is_accepted(world, kind):
    assert "admin" in verify(world.verifier, world.forge(kind)).scopes
    assert "admin" in verify(world.verifier, world.forge(kind, {"more": "x"}, {"more": {"a": [1, None, 1.5]}})).scopes


# --- which algorithm


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "none ", "", " ", None, 0, False, [], ["none"]])
@pytest.mark.parametrize("signature", ["empty", "kept", "signed"])
def test_no_algorithm(world, kind, algorithm, signature):
    token = world.forge(kind, {"alg": algorithm})
    head, _, tail = token.rpartition(".")
    assert world.refuses(
        {"empty": f"{head}.", "kept": f"{head}.{world.good[kind].rpartition('.')[2]}", "signed": token}[signature]
    )
    assert tail


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA"])
def test_another_algorithm_in_the_header(world, kind, algorithm):
    if algorithm != world.header(kind)["alg"]:
        assert world.refuses(world.forge(kind, {"alg": algorithm}))


def _public_secrets(world, kind):
    """Everything public about an RSA key that a careless verifier might take for an HMAC secret."""
    public = world.keys[kind].public_key()
    numbers = public.public_numbers()
    modulus = numbers.n.to_bytes(256, "big")
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield from (pem, pem.strip(), pem.replace(b"\n", b"\r\n"), public.public_bytes(Encoding.PEM, PublicFormat.PKCS1))
    yield from (public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),)
    yield from (modulus, b64(modulus).encode(), str(numbers.n).encode(), hashlib.sha256(pem).digest(), b"\0", b" ")
    yield json.dumps(world.jwk).encode()


@pytest.mark.parametrize("kind", ["user", "foreign"])
@pytest.mark.parametrize("issuer", KINDS)
def test_a_public_key_is_no_secret(world, kind, issuer):
    """HS256 signed with what is public, under the name of each issuer, with the kid of each."""
    for secret in _public_secrets(world, kind):
        for kid in (world.header(kind)["kid"], world.header(issuer)["kid"]):
            claims = {"iss": world.claims(issuer)["iss"]}
            assert world.refuses(world.forge(kind, {"alg": "HS256", "kid": kid}, claims, key=secret))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_one_issuer_does_not_speak_for_another(world, kind, other):
    if kind == other:
        return
    for header in ({}, {"kid": world.header(other)["kid"]}, {"alg": world.header(other)["alg"]}):
        for claims in ({"iss": world.claims(other)["iss"]}, world.claims(other)):
            assert world.refuses(world.forge(kind, header, claims))


@pytest.mark.parametrize(
    "issuer",
    ["", "cloudpulse ", "CloudPulse", "cloudpulse/", "http://127.0.0.1:8080/", "http://127.0.0.1:8080#", None, 7, True],
)
def test_an_issuer_is_known_by_its_exact_name(world, kind, issuer):
    assert world.refuses(world.forge(kind, claims={"iss": issuer}))
    assert world.refuses(world.forge(kind, claims={"iss": [world.claims(kind)["iss"]]}))
    assert world.refuses(world.forge(kind, claims={"iss": {"x": 1}}))


# --- which key


@pytest.mark.parametrize(
    "kid",
    [
        "unknown",
        "",
        " ",
        "../../../../../../dev/null",
        "/dev/null",
        "..\\..\\x",
        "file:///etc/passwd",
        "http://127.0.0.1/key",
        "' OR '1'='1",
        "x' UNION SELECT 'secret' -- ",
        "'; DROP TABLE secret_version; --",
        "\0",
        "k1\0",
        "k1\n",
        "\N{FULLWIDTH LATIN SMALL LETTER K}1",
        "\ud800",
        "signing",
        "user_signing",
        "k" * 257,
        "k" * 5000,
        None,
        0,
        1,
        True,
        1.5,
        [],
        ["k1"],
        {"kid": "k1"},
    ],
)
def test_a_key_that_nobody_has(world, kind, kid):
    assert world.refuses(world.forge(kind, {"kid": kid}))
    assert world.refuses(world.forge(kind, {"kid": kid}, key=b"" if kind == "client" else None))
    verify(world.verifier, world.good[kind])


def test_the_key_that_the_token_brings_is_not_used(world, kind):
    """Not fetched either: the attacker's server sees no request."""
    attacker = OidcServer()
    try:
        own = attacker.private["k1"]
        certificate = base64.b64encode(own.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
        kid = world.header(kind)["kid"]
        for brought in (
            {"jku": f"{attacker.url}/keys"},
            {"x5u": f"{attacker.url}/keys"},
            {"jwk": attacker.jwk("k1")},
            {"jwk": attacker.jwk("k1", kid=kid)},
            {"x5c": [certificate]},
            {"kid": f"{attacker.url}/keys"},
            {"kid": "k1", "jku": f"{attacker.url}/keys", "x5u": f"{attacker.url}/keys", "jwk": attacker.jwk("k1")},
        ):
            for algorithm in ("RS256", world.header(kind)["alg"]):
                assert world.refuses(world.forge(kind, {"alg": algorithm} | brought, key=own))
            assert world.refuses(world.forge(kind, brought, {"iss": attacker.url}, key=own))
        assert attacker.seen == []
    finally:
        attacker.close()


def test_another_key(world, kind):
    other = b"x" * 43 if kind == "client" else rsa.generate_private_key(65537, 2048)
    assert world.refuses(world.forge(kind, key=other))
    curve = ec.generate_private_key(ec.SECP256R1())
    assert world.refuses(jwt.encode(world.claims(kind), curve, "ES256", headers={"kid": world.header(kind)["kid"]}))


@pytest.mark.parametrize(
    "header",
    [
        {"crit": []},
        {"crit": ["exp"], "exp": NOW + 60},
        {"crit": ["b64"], "b64": False},
        {"crit": ["b64"], "b64": True},
        {"crit": "b64"},
        {"crit": ["x"], "x": 1},
        {"b64": False},
    ],
)
def test_critical_extensions_are_not_understood(world, kind, header):
    assert world.refuses(world.forge(kind, header))


# --- what it says


@pytest.mark.parametrize("claim", ["exp", "aud", "iss", "sub"])
def test_a_claim_is_missing(world, kind, claim):
    assert world.refuses(world.forge(kind, claims={claim: None}))


@pytest.mark.parametrize(
    "audience", ["other", "", "cloudpulse2", "Cloudpulse", [], ["other"], [["pulse"]], 7, {}, True]
)
def test_another_audience(world, kind, audience):
    assert world.refuses(world.forge(kind, claims={"aud": audience}))


def test_one_audience_among_others(world, kind):
    ours = world.claims(kind)["aud"]
    verify(world.verifier, world.forge(kind, claims={"aud": ["other", ours]}))


TIMES = [-1, -(2**63), 0, 2**53 + 1, 2**63, 10**400, 1.5, float(NOW + 60), True, False, "soon", str(NOW + 60), [], {}]


@pytest.mark.parametrize("value", [*TIMES, NOW, NOW - 3600])
def test_an_end_that_is_none_or_over(world, kind, value):
    # Others' clocks may be a minute behind.
    late = 60 if kind == "foreign" and value == NOW else 0
    assert world.refuses(world.forge(kind, claims={"exp": value - late if late else value}))


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize("value", [NOW + 61, NOW + 3600, *(v for v in TIMES if v not in (0, False))])
def test_a_beginning_that_is_none_or_ahead(world, kind, claim, value):
    assert world.refuses(world.forge(kind, claims={claim: value}))


def test_our_own_tokens_begin_without_leeway(world):
    for kind in ("client", "user"):
        assert world.refuses(world.forge(kind, claims={"nbf": NOW + 1}))
        verify(world.verifier, world.forge(kind, claims={"nbf": NOW}))


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e400", "1e3", "0x10", "1_0", "01", "--1", "9" * 5000]
)
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "other"])
def test_numbers_that_json_does_not_have(world, kind, claim, text):
    claims = json.dumps(world.claims(kind) | {claim: "HERE"}).replace('"HERE"', text)
    if claim == "other" and text in ("1e400", "1e3"):
        return
    assert world.refuses(world.sign(kind, json.dumps(world.header(kind)), claims))


@pytest.mark.parametrize("part", ["header", "claims"])
def test_a_member_that_is_there_twice(world, kind, part):
    """Which of the two counts depends on the parser, so signing one and obeying the other would be possible."""
    texts = {"header": world.header(kind), "claims": world.claims(kind)}
    for name, value in texts[part].items():
        twice = json.dumps(texts[part])[:-1] + f", {json.dumps(name)}: {json.dumps(value)}}}"
        written = {one: json.dumps(members) for one, members in texts.items()} | {part: twice}
        assert world.refuses(world.sign(kind, written["header"], written["claims"]))
        escaped = twice.replace(f', "{name}": ', f', "\\u{ord(name[0]):04x}{name[1:]}": ')
        written[part] = escaped
        assert world.refuses(world.sign(kind, written["header"], written["claims"]))
    nested = json.dumps(texts[part])[:-1] + ', "x": {"a": 1, "a": 2}}'
    written[part] = nested
    assert world.refuses(world.sign(kind, written["header"], written["claims"]))


@pytest.mark.parametrize(
    "text", ["", " ", "[]", "null", "true", "7", '"x"', "{", "{}", '[{"iss": 1}]', "{}{}", "\ufeff{}"]
)
def test_a_part_that_is_no_object(world, kind, text):
    header, claims = json.dumps(world.header(kind)), json.dumps(world.claims(kind))
    assert world.refuses(world.sign(kind, text, claims))
    assert world.refuses(world.sign(kind, header, text))


@pytest.mark.parametrize("bomb", ["[" * 5000, '{"a":' * 1100, "[" * 2000 + "]" * 2000])
def test_a_part_that_nests_deeply(world, kind, bomb):
    header, claims = json.dumps(world.header(kind)), json.dumps(world.claims(kind))
    assert world.refuses(world.sign(kind, bomb, claims))
    assert world.refuses(world.sign(kind, header, bomb))
    assert world.refuses(world.sign(kind, header, f'{claims[:-1]}, "x": {bomb}}}'))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "latin-1"])
def test_a_part_in_another_encoding(world, kind, encoding):
    claims = json.dumps(world.claims(kind) | {"x": "ä"}, ensure_ascii=False).encode(encoding)
    assert world.refuses(world.sign(kind, json.dumps(world.header(kind)), claims))


def test_a_token_that_is_too_long(world, kind):
    def padded(chars):
        return world.forge(kind, claims={"x": "x" * chars})

    short = padded(0)
    room = (MAX_TOKEN_CHARS - len(short)) * 3 // 4 - 4
    fits = padded(room)
    assert MAX_TOKEN_CHARS - 12 <= len(fits) <= MAX_TOKEN_CHARS
    verify(world.verifier, fits)
    assert world.refuses(padded(room + 12))
    assert world.refuses(padded(1_000_000))


# --- how it is written


def test_each_part_cut_exchanged_and_repeated(world, kind):
    header, claims, signature = world.good[kind].split(".")
    other = world.forge(kind, claims={"more": 1}).split(".")
    for token in (
        "",
        ".",
        "..",
        "...",
        header,
        f"{header}.{claims}",
        f"{header}.{claims}.",
        f".{claims}.{signature}",
        f"{header}..{signature}",
        f"{header}.{claims}.{signature}.",
        f".{header}.{claims}.{signature}",
        f"{header}.{claims}.{signature}.{signature}",
        f"{header}.{claims}.{claims}.{signature}",
        f"{claims}.{header}.{signature}",
        f"{header}.{other[1]}.{signature}",
        f"{header}.{claims}.{other[2]}",
        f"{header}.{claims}{signature}",
    ):
        assert world.refuses(token)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_each_part_altered_at_every_place(world, kind, part):
    """Also where only bits change that base64 would throw away."""
    parts = world.good[kind].split(".")
    text = parts[part]
    step = max(1, len(text) // 60)
    places = {*range(0, len(text), step), *range(len(text) - 4, len(text))}
    for place in sorted(places):
        for other in {"A", "B", "_", "9", chr(ord(text[place]) ^ 1), text[place].swapcase()} - {text[place]}:
            parts[part] = text[:place] + other + text[place + 1 :]
            assert world.refuses(".".join(parts))
        parts[part] = text[:place] + text[place + 1 :]
        assert world.refuses(".".join(parts))


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize(
    "junk", ["=", "==", "===", " ", "\n", "\r\n", "\t", "+", "/", "\0", "!", "é", "%3D", "A", "AAAA"]
)
def test_base64_is_taken_literally(world, kind, part, junk):
    parts = world.good[kind].split(".")
    text = parts[part]
    for written in (text + junk, junk + text, text[:4] + junk + text[4:]):
        parts[part] = written
        assert world.refuses(".".join(parts))


@given(text=st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}"))
def test_any_text_is_refused_and_nothing_else_happens(text):
    verifier = Verifier([SimpleNamespace(name="x", algorithm="HS256", keys=lambda _: {})], lambda: NOW)
    with pytest.raises(Unauthorized):
        verifier.verify(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(name=st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "scope", "app", "rpm"]), value=_JSON)
def test_any_claim_of_our_own_ends_in_a_principal_or_is_refused(world, name, value):
    token = world.forge("client", claims={name: value})
    try:
        principal = world.verifier.verify(token)
    except Unauthorized:
        return
    assert isinstance(principal.client_id, str)
    assert isinstance(principal.expires_at, int)
