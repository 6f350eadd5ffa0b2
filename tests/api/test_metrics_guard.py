"""Who may read ``/metrics``."""

import asyncio

import httpx
import msgspec
import pytest

from cloudpulse.api.app import create_app

TOKEN = "scrape-me-0123456789"


@pytest.fixture
def metrics(services):
    def ask(peer, metrics_token="", **headers):
        services.settings = msgspec.structs.replace(services.settings, metrics_token=metrics_token)
        transport = httpx.ASGITransport(create_app(services), client=(peer, 1))
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def get():
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return (await client.get("/metrics", headers=named)).status_code

        return asyncio.run(get())

    return ask


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may(metrics, peer):
    assert metrics(peer) == 200


@pytest.mark.parametrize("header", ["x_forwarded_for", "x_forwarded_host", "forwarded", "x_real_ip", "via"])
def test_a_proxy_on_this_machine_is_not_this_machine(metrics, header):
    for value in ("127.0.0.1", "", "junk"):
        assert metrics("127.0.0.1", **{header: value}) == 401


@pytest.mark.parametrize(
    "host", ["localhost:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST", "10.1.2.3"]
)
def test_this_machine_may_under_a_name_that_is_its_own(metrics, host):
    assert metrics("127.0.0.1", host=host) == 200


@pytest.mark.parametrize("host", ["evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "evil"])
def test_a_name_that_was_made_to_point_here_opens_nothing(metrics, host):
    assert metrics("127.0.0.1", host=host) == 401
    assert metrics("127.0.0.1", TOKEN, host=host, authorization=f"Bearer {TOKEN}") == 200


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::1", "testclient"])
def test_others_need_a_token(metrics, bearer, peer):
    assert metrics(peer) == 401
    assert metrics(peer, TOKEN) == 401
    for wrong in (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", "Bearer \xe9", TOKEN):
        assert metrics(peer, TOKEN, authorization=wrong.encode("latin-1")) == 401
    assert metrics(peer, "", authorization="Bearer ") == 401
    assert metrics(peer, TOKEN, authorization=f"Bearer {TOKEN}") == 200
    assert metrics(peer, **bearer("admin")) == 200
    assert metrics(peer, **bearer("events:read", "events:write")) == 403
