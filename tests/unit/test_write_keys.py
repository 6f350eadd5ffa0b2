"""Write keys: bound to origins, good for writing alone, read from the store once in a while."""

import pytest

from cloudpulse.auth.write_keys import WriteKeyService
from cloudpulse.engines.local.secrets import SqliteSecrets
from cloudpulse.errors import Forbidden, InvalidParameter, NotFound, Unauthorized

NOW = 1_800_000_000
SHOP = "https://shop.example"


class CountingSecrets(SqliteSecrets):
    """Counts how often it is read."""

    reads = 0

    def names(self, prefix=""):
        self.reads += 1
        return super().names(prefix)

    def versions(self, name, now):
        self.reads += 1
        return super().versions(name, now)


@pytest.fixture
def secrets(tmp_path):
    secrets = CountingSecrets(tmp_path / "secrets.db")
    yield secrets
    secrets.close()


@pytest.fixture
def keys(secrets, clock):
    return WriteKeyService(secrets, lambda: clock.now)


def refused(keys, key, origin=SHOP):
    with pytest.raises(Unauthorized):
        keys.verify(key, origin)


def test_a_key_writes_events_of_its_app_from_its_origins(keys):
    made = keys.add("shop", [SHOP, "http://localhost:3000"], "web", requests_per_minute=600)
    for origin in (SHOP, "http://localhost:3000"):
        who = keys.verify(made.write_key, origin)
        assert (who.client_id, who.app, who.scopes) == (f"write_key/{made.key_id}", "web", {"events:write"})
        assert (who.requests_per_minute, who.expires_at > NOW + 10**9) == (600, True)
    for origin in ("https://evil.example", "http://shop.example", f"{SHOP}:8443", f"{SHOP}/", "null", "*", "", None):
        with pytest.raises(Forbidden):
            keys.verify(made.write_key, origin)


def test_a_key_for_any_origin_needs_none(keys):
    made = keys.add("app", ["*"])
    for origin in (None, "null", SHOP):
        assert keys.verify(made.write_key, origin).requests_per_minute is None


def test_a_key_that_is_not_known_is_refused(keys):
    one, other = keys.add("one", [SHOP]).write_key, keys.add("other", [SHOP]).write_key
    swapped = one[: one.rindex("_", 0, 20)] + other[other.rindex("_", 0, 20) :]
    for key in ("", "wk_", "wk__", one[:-1], one + "A", one.removeprefix("wk_"), swapped, "wk_ü_ü", "\ud800"):
        refused(keys, key)


def test_the_key_is_not_stored_nor_shown(keys, secrets):
    made = keys.add("shop", [SHOP])
    renewed = keys.rotate(made.key_id)
    stored = str([version.value for version in secrets.versions(f"write_key/{made.key_id}", NOW)])
    for key in (made.write_key, renewed.write_key):
        assert key[20:] not in stored + repr(made) + repr(renewed) + repr(keys.list())


def test_after_a_rotation_two_keys_are_valid_for_a_while(keys, clock):
    first = keys.add("shop", [SHOP])
    second = keys.rotate(first.key_id)
    assert second.previous_expires_at.timestamp() == NOW + 86_400
    [listed] = keys.list()
    assert (listed.previous_expires_at, listed.name) == (second.previous_expires_at, "shop")
    for made in (first, second):
        keys.verify(made.write_key, SHOP)
    third = keys.rotate(first.key_id)
    refused(keys, first.write_key)
    clock.now += 86_399
    for made in (second, third):
        keys.verify(made.write_key, SHOP)
    clock.now += 1
    refused(keys, second.write_key)
    fourth = keys.rotate(first.key_id, keep_previous_seconds=0)
    assert fourth.previous_expires_at is None
    refused(keys, third.write_key)


def test_a_key_changes_and_stays(keys):
    made = keys.add("shop", [SHOP], requests_per_minute=5)
    keys.change(made.key_id, origins=["https://B.example"])
    who = keys.verify(made.write_key, "https://b.example")
    assert (who.requests_per_minute, keys.origins()) == (5, {"https://b.example"})
    with pytest.raises(Forbidden):
        keys.verify(made.write_key, SHOP)
    keys.change(made.key_id, requests_per_minute=None)
    assert keys.verify(made.write_key, "https://b.example").requests_per_minute is None
    for bad in ({}, {"origins": []}, {"origins": ["x"]}, {"requests_per_minute": 0}):
        with pytest.raises(InvalidParameter):
            keys.change(made.key_id, **bad)
    with pytest.raises(NotFound):
        keys.change("nobody", requests_per_minute=5)
    assert keys.verify(made.write_key, "https://b.example").requests_per_minute is None


def test_a_removed_key_ends_within_five_seconds_in_every_process(keys, clock, tmp_path):
    others = SqliteSecrets(tmp_path / "secrets.db")
    elsewhere = WriteKeyService(others, lambda: clock.now)
    made = keys.add("shop", [SHOP])
    assert (elsewhere.verify(made.write_key, SHOP).app, elsewhere.origins()) == ("default", {SHOP})
    keys.remove(made.key_id)
    refused(keys, made.write_key)
    clock.now += 5
    refused(elsewhere, made.write_key)
    assert elsewhere.origins() == keys.origins() == set()
    others.close()
    with pytest.raises(NotFound):
        keys.remove(made.key_id)
    with pytest.raises(NotFound):
        keys.rotate(made.key_id)


def test_requests_do_not_read_the_store_again_and_again(keys, secrets, clock):
    made = keys.add("shop", [SHOP])
    before = secrets.reads
    for number in range(100):
        keys.verify(made.write_key, SHOP)
        refused(keys, f"wk_{number}_x")
        keys.origins()
    assert secrets.reads == before
    clock.now += 5
    keys.verify(made.write_key, SHOP)
    assert secrets.reads > before


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("HTTPS://Shop.Example", SHOP),
        ("https://shop.example:443", SHOP),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
        ("*", "*"),
    ],
)
def test_origins_are_kept_as_browsers_send_them(keys, given, kept):
    keys.add("shop", [given])
    assert keys.list()[0].origins == (kept,)
    assert keys.origins() == {kept}


@pytest.mark.parametrize(
    "origins",
    [
        [],
        [""],
        ["null"],
        ["shop.example"],
        [f"{SHOP}/"],
        [f"{SHOP}/path"],
        [f"{SHOP}?q"],
        ["https://user@shop.example"],
        ["https://*.example"],
        ["https://"],
        ["https://shop.example:"],
        ["https://shop.example:65536"],
        ["https://[::g]"],
        ["https://[1.2.3.4]"],
        ["https://münchen.example"],
        ["https://shop.example\n"],
        ["*", SHOP],
        [f"https://{'x' * 300}"],
        [f"https://h{number}" for number in range(101)],
    ],
)
def test_what_is_no_origin_is_refused(keys, origins):
    with pytest.raises(InvalidParameter):
        keys.add("shop", origins)
    assert keys.list() == []


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"app": ""},
        {"name": "shop\n"},
        {"name": "\x1b[2J"},
        {"app": "web\u2028"},
        {"app": "\udc80"},
        {"requests_per_minute": 0},
        {"requests_per_minute": 10**7},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(keys, bad):
    with pytest.raises(InvalidParameter):
        keys.add(**{"name": "shop", "origins": [SHOP]} | bad)
