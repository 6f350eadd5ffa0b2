"""What is read out of an event beside its own fields."""

import ipaddress
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudpulse.events import enrich
from cloudpulse.events.enrich import Agent, PageFields
from cloudpulse.events.model import EVENT_TYPES

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = {
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0.0.0 Safari/537.36": (
        Agent("Chrome", "Windows", "desktop", False)
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0": (
        Agent("Firefox", "Linux", "desktop", False)
    ),
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/120.0.0.0 Safari/537.36": (
        Agent("Chrome", "Chrome OS", "desktop", False)
    ),
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) {WEBKIT} Version/17.0 Mobile/15E148 Safari/604.1": (
        Agent("Mobile Safari", "iOS", "mobile", False)
    ),
    f"Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) {WEBKIT} Version/16.0 Mobile/15E148 Safari/604.1": (
        Agent("Mobile Safari", "iOS", "tablet", False)
    ),
    f"Mozilla/5.0 (Linux; Android 13; SM-X700) {WEBKIT} Chrome/120.0.0.0 Safari/537.36": (
        Agent("Chrome", "Android", "tablet", False)
    ),
    f"Mozilla/5.0 (Linux; Android 13; CUBOT_X19) {WEBKIT} Chrome/120.0.0.0 Mobile Safari/537.36": (
        Agent("Chrome Mobile", "Android", "mobile", False)
    ),
    "Dalvik/2.1.0 (Linux; U; Android 13)": Agent("Android", "Android", "mobile", False),
    "MyApp/1.0": Agent(None, None, "other", False),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": Agent("Googlebot", None, "bot", True),
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/120.0.0.0 Safari/537.36": (
        Agent("HeadlessChrome", "Linux", "bot", True)
    ),
    "curl/8.4.0": Agent("curl", None, "bot", True),
    "python-requests/2.31.0": Agent("Python Requests", None, "bot", True),
}


@pytest.mark.parametrize("text", AGENTS)
def test_a_user_agent_is_told_apart(text: str) -> None:
    assert enrich.user_agent(text) == AGENTS[text]


@pytest.mark.parametrize(
    "text", ["wget/1.2", "AhrefsBot/7.0", "Yahoo! Slurp", "my-crawler", "SomeSpider", "x HEADLESS y"]
)
def test_the_words_of_bots_mark_bots(text: str) -> None:
    agent = enrich.user_agent(text)
    assert agent.bot
    assert agent.device == "bot"


@pytest.mark.parametrize("text", [None, ""])
def test_no_user_agent_says_nothing(text: str | None) -> None:
    assert enrich.user_agent(text) == Agent(None, None, None, False)


@given(st.text(max_size=3000))
def test_any_user_agent_has_an_answer(text: str) -> None:
    agent = enrich.user_agent(text)
    assert agent.device in {None, "desktop", "mobile", "tablet", "bot", "other"}
    assert agent.bot == (agent.device == "bot")


def test_page_fields_are_read_from_json() -> None:
    fields = enrich.decode_page_fields(msgspec.Raw(b'{"page":"/a","duration_ms":12,"other":[1]}'))
    assert fields == PageFields(page="/a", duration_ms=12)


@pytest.mark.parametrize(
    "raw",
    [b"", b"[1]", b"null", b"{", b'{"page":"\xff"}', b'{"page":"\\ud800"}', b'{"page":' + b"[" * 5000, b"1" * 5000],
    ids=["empty", "array", "null", "open", "utf8", "surrogate", "deep", "long"],
)
def test_damaged_properties_have_no_fields(raw: bytes) -> None:
    assert enrich.decode_page_fields(raw) == PageFields()


@given(st.binary(max_size=200))
def test_no_bytes_make_the_decoding_fail(raw: bytes) -> None:
    fields = enrich.decode_page_fields(raw)
    enrich.page(fields)
    enrich.duration_ms(fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (PageFields(page="/a", path="/b", url="https://x/c"), "/a"),
        (PageFields(page=5, path="/b"), "/b"),
        (PageFields(page="", url="https://x.org/c/d?q=1#f"), "/c/d"),
        (PageFields(url="https://x.org"), "/"),
        (PageFields(url="/c?q=1"), "/c"),
        (PageFields(url="http://[broken"), None),
        (PageFields(url=["/a"]), None),
        (PageFields(page="x" * 600), "x" * 512),
        (PageFields(url="https://x.org/" + "y" * 600), "/" + "y" * 511),
        (PageFields(), None),
    ],
)
def test_the_page_of_an_event(fields: PageFields, expected: str | None) -> None:
    assert enrich.page(fields) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (PageFields(duration_ms=12, duration=13), 12.0),
        (PageFields(duration=1.5), 1.5),
        (PageFields(duration_ms="12", duration=13), 13.0),
        (PageFields(duration=True), None),
        (PageFields(duration=math.inf), None),
        (PageFields(duration=math.nan), None),
        (PageFields(duration=10**400), None),
        (PageFields(), None),
    ],
)
def test_the_duration_of_an_event(fields: PageFields, expected: float | None) -> None:
    assert enrich.duration_ms(fields) == expected


@pytest.mark.parametrize(
    ("text", "kept", "truncated"),
    [
        ("203.0.113.77", "203.0.113.77", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.77", "203.0.113.0"),
        ("2001:DB8:1:2::3", "2001:db8:1:2::3", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::1", "fe80::"),
        ("203.0.113.77:80", None, None),
        ("somebody", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_addresses_are_kept_truncated_or_dropped(text: str | None, kept: str | None, truncated: str | None) -> None:
    assert enrich.truncate_ip(text, "keep") == kept
    assert enrich.truncate_ip(text, "truncate") == truncated
    assert enrich.truncate_ip(text, "drop") is None


@given(st.ip_addresses())
def test_a_truncated_address_stays_in_its_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    truncated = enrich.truncate_ip(str(address), "truncate")
    assert truncated is not None
    assert enrich.truncate_ip(truncated, "truncate") == truncated
    if isinstance(address, ipaddress.IPv4Address):
        assert address in ipaddress.ip_network(f"{truncated}/24")


@pytest.mark.parametrize("text", ["Page View", "pageview", "PAGE-VIEW", "pageView", "page_view", " page  view "])
def test_spellings_of_a_type_are_one_type(text: str) -> None:
    assert enrich.normalise_type(text) == ("page_view", None)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_type_is_found_in_other_spellings(name: str) -> None:
    spellings = (name, name.upper(), name.replace("_", " ").title(), name.replace("_", "-"), name.replace("_", ""))
    assert {enrich.normalise_type(text) for text in spellings} == {(name, None)}


@given(st.text())
def test_any_other_type_is_a_custom_event_of_that_name(text: str) -> None:
    event_type, name = enrich.normalise_type(text)
    assert event_type in EVENT_TYPES
    assert name in (None, text)


def test_a_custom_event_keeps_its_name_as_written() -> None:
    assert enrich.normalise_type("Order Completed") == ("custom", "Order Completed")
