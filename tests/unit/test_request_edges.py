"""Bodies that are inflated under a bound, and what a connection tells about its sender."""

import gzip
import tracemalloc
from types import SimpleNamespace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cloudpulse.api.body import MAX_FRAMES, inflate, media_type
from cloudpulse.api.remote import address_of, remote_of
from cloudpulse.errors import TooLarge, UnsupportedMedia, UserError
from cloudpulse.settings import Settings

COMPRESS = {"gzip": gzip.compress, "zstd": zstandard.compress}
LIMIT = 100_000


@pytest.mark.parametrize("encoding", COMPRESS)
@given(parts=st.lists(st.binary(max_size=2_000), min_size=1, max_size=5))
def test_bodies_of_several_members_are_inflated_whole(encoding, parts):
    packed = b"".join(COMPRESS[encoding](part) for part in parts)
    assert inflate(packed, encoding, LIMIT) == b"".join(parts)


def test_a_zstd_frame_that_does_not_tell_its_size():
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    packed = compressor.compress(b"abc" * 9_000) + compressor.flush()
    assert inflate(packed * 2, "zstd", LIMIT) == b"abc" * 18_000


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_a_plain_body(encoding):
    assert inflate(b"plain", encoding, LIMIT) == b"plain"


@pytest.mark.parametrize("encoding", COMPRESS)
def test_the_limit_is_inclusive(encoding):
    assert len(inflate(COMPRESS[encoding](b"a" * LIMIT), encoding, LIMIT)) == LIMIT
    for parts in ([LIMIT + 1], [LIMIT, 1], [LIMIT // 2, LIMIT // 2, 1]):
        with pytest.raises(TooLarge):
            inflate(b"".join(COMPRESS[encoding](b"a" * size) for size in parts), encoding, LIMIT)


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_body_in_very_many_pieces_is_refused(encoding):
    piece = COMPRESS[encoding](b"")
    assert inflate(piece * MAX_FRAMES, encoding, LIMIT) == b""
    with pytest.raises(TooLarge):
        inflate(piece * (MAX_FRAMES + 1), encoding, LIMIT)


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_bomb_never_fills_the_memory(encoding):
    bomb = COMPRESS[encoding](bytes(200 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            inflate(bomb * 3, encoding, 10 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_damaged_body_is_the_clients_fault(encoding):
    whole = COMPRESS[encoding](bytes(range(256)) * 100)
    damaged = [whole[:cut] for cut in (1, 5, len(whole) // 2, len(whole) - 1)]
    for body in [*damaged, whole + b"tail", b"nothing of the kind", whole + whole[:-1]]:
        with pytest.raises(UserError, match=encoding) as raised:
            inflate(body, encoding, LIMIT)
        assert raised.value.status == 400


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_an_encoding_that_is_not_read(encoding):
    with pytest.raises(UnsupportedMedia, match=encoding):
        inflate(b"", encoding, LIMIT)


def asked(peer, raw):
    return SimpleNamespace(scope={"client": peer and (peer, 1), "headers": list(raw.items())})


def remote(settings=None, peer="203.0.113.9", **headers):
    raw = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    found = remote_of(asked(peer, raw), raw, settings or Settings(ip_addresses="keep"))
    return found.ip_address, found.user_agent, found.country


def test_the_media_type_without_parameters():
    assert media_type({b"content-type": b"Application/JSON; charset=utf-8"}) == "application/json"
    assert media_type({}) == ""


def test_headers_of_a_stranger_are_not_believed():
    settings = Settings(ip_addresses="keep", country_header="x-country")
    assert remote(settings, x_forwarded_for="10.9.9.9", x_country="FR", user_agent="agent") == (
        "203.0.113.9", "agent", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (" 198.51.100.7 ,, 10.0.0.1 ", "198.51.100.7"),
        ("10.0.0.2", "10.0.0.2"),
        ("6.6.6.6, 10.77.0.5", "6.6.6.6"),
        ("6.6.6.6, ::ffff:10.0.0.2", "6.6.6.6"),
        ("6.6.6.6, [fd00::5]:443", "6.6.6.6"),
        ("198.51.100.7:5123", "198.51.100.7"),
        ("[2001:db8::1%eth0]:5123", "2001:db8::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("", "10.0.0.1"),
        ("unknown", None),
        ("198.51.100.7, unknown, 10.0.0.2", None),
        ("\x00\xff:::::[[]%,,,;", None),
        ("1" * 5000, None),
        (",".join(["10.0.0.2"] * 5000), "10.0.0.2"),
    ],
)
def test_the_last_address_that_no_trusted_proxy_has(forwarded, address):
    """What stands before it, anybody may have written."""
    proxies = ("10.0.0.1", "10.0.0.2", "10.77.0.0/16", "fd00::/8")
    settings = Settings(ip_addresses="keep", trusted_proxies=proxies, country_header="x-country")
    for peer in ("10.0.0.1", "::ffff:10.0.0.1"):
        found = remote(settings, peer=peer, x_forwarded_for=forwarded, x_country="FR")
        assert found == (address, None, "FR")
        request = asked(peer, {b"x-forwarded-for": forwarded.encode()})
        assert address_of(request, settings) in (address or peer, peer)


def test_the_address_for_throttles_is_whole_and_a_stranger_cannot_choose_it():
    raw = {b"x-forwarded-for": b"198.51.100.7"}
    trusting = Settings(trusted_proxies=("10.0.0.0/8",))
    assert address_of(asked("10.1.2.3", raw), trusting) == "198.51.100.7"
    assert address_of(asked("203.0.113.9", raw), trusting) == "203.0.113.9"
    assert address_of(asked("10.1.2.3", raw), Settings()) == "10.1.2.3"
    assert address_of(asked(None, raw), trusting) == ""


def test_two_headers_are_one_list():
    request = asked("10.1.2.3", {})
    request.scope["headers"] = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"198.51.100.7")]
    assert address_of(request, Settings(trusted_proxies=("10.0.0.0/8",))) == "198.51.100.7"


@pytest.mark.parametrize(("mode", "address"), [("keep", "203.0.113.9"), ("truncate", "203.0.113.0"), ("drop", None)])
def test_the_address_is_cut_down_before_anything_is_written(mode, address):
    assert remote(Settings(ip_addresses=mode)) == (address, None, None)


def test_long_headers_are_read_and_not_remembered():
    trusting = Settings(trusted_proxies=("10.0.0.0/8",), ip_addresses="keep", country_header="cf")
    tracemalloc.start()
    for number in range(300):
        junk = f"{number:08}" + "a" * 30_000
        found = remote(trusting, "10.1.2.3", x_forwarded_for=f"{junk}, 6.6.6.6", user_agent=junk, cf=junk)
        assert (found[0], len(found[1])) == ("6.6.6.6", 2_048)
        assert address_of(asked("203.0.113.9", {b"x-forwarded-for": junk.encode()}), trusting) == "203.0.113.9"
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000


def test_headers_are_cut_and_a_peer_may_be_unknown():
    assert remote(user_agent="x" * 5_000)[1] == "x" * 2_048
    assert remote(peer=None) == (None, None, None)
