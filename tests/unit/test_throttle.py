"""Token buckets, and what slows down somebody who guesses passwords. Time is an argument."""

import ipaddress

import pytest

from cloudpulse.auth import throttle
from cloudpulse.auth.throttle import SignInThrottle, TokenBuckets
from cloudpulse.errors import RateLimited

HOME, OFFICE = "198.51.100.7", "203.0.113.9"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def buckets(clock):
    return TokenBuckets(clock)


@pytest.fixture
def sign_ins(clock):
    return SignInThrottle(60, clock)


def refused(call, *arguments, **named):
    with pytest.raises(RateLimited) as raised:
        call(*arguments, **named)
    return raised.value.quota


def test_a_bucket_holds_a_minute_and_is_refilled_evenly(buckets, clock):
    assert [buckets.take("a", 6).remaining for _ in range(6)] == [5, 4, 3, 2, 1, 0]
    assert refused(buckets.take, "a", 6) == (6, 0, 60, 10)
    clock.now += 9
    assert refused(buckets.take, "a", 6) == (6, 0, 51, 1)
    clock.now += 1
    assert buckets.take("a", 6) == (6, 0, 60, 0)
    clock.now += 1_000
    assert buckets.take("a", 6) == (6, 5, 10, 0)
    assert buckets.take("b", 600).remaining == 599


@pytest.mark.parametrize("limit", [1, 7, 61, 1_000, 99_999])
def test_capacity_and_refill_are_exact(buckets, clock, limit):
    for _ in range(limit):
        buckets.take("a", limit)
    wait = refused(buckets.take, "a", limit).retry_after_seconds
    clock.now += wait
    for _ in range(int(wait * limit / 60)):
        buckets.take("a", limit)
    refused(buckets.take, "a", limit)


def test_a_refusal_costs_nothing(buckets, clock):
    buckets.take("a", 1)
    for _ in range(100):
        refused(buckets.take, "a", 1)
    clock.now += 60
    buckets.take("a", 1)


def test_a_limit_may_change(buckets):
    for _ in range(100):
        buckets.take("a", 100)
    assert refused(buckets.take, "a", 10).retry_after_seconds == 6


def test_memory_is_bounded(buckets, sign_ins, monkeypatch):
    monkeypatch.setattr(throttle, "MAX_REMEMBERED", 10)
    for number in range(100):
        buckets.take(number, 1)
        sign_ins.enter(f"10.0.0.{number}", str(number))
        sign_ins.failed(f"10.0.0.{number}", str(number))
        sign_ins.succeeded(f"10.0.0.{number}", "x" * 100_000)
    assert len(buckets._full_at) == 10
    for memory in (sign_ins._failures, sign_ins._known, sign_ins._addresses._full_at, sign_ins._failed_names._full_at):
        assert len(memory) == 10
        assert all(len(key) <= 32 for key in memory)
    refused(buckets.take, 99, 1)
    buckets.take(0, 1)


def test_an_address_is_limited_whatever_the_name(sign_ins):
    for number in range(60):
        sign_ins.enter(HOME, f"user-{number}")
    assert refused(sign_ins.enter, HOME, "another") == (60, 0, 60, 1)
    sign_ins.enter(OFFICE, "another")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("::ffff:198.51.100.7", "::ffff:198.51.100.8", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(clock, one, other, same):
    sign_ins = SignInThrottle(1, clock)
    sign_ins.enter(one, "a")
    if same:
        refused(sign_ins.enter, other, "a")
    else:
        sign_ins.enter(other, "a")


def test_failures_in_a_row_wait_longer_and_longer(sign_ins, clock):
    waits = []
    for _ in range(17):
        sign_ins.enter(HOME, "a@example.org")
        sign_ins.failed(HOME, "a@example.org")
        try:
            sign_ins.enter(HOME, " A@Example.org ")
        except RateLimited as error:
            waits.append(error.quota.retry_after_seconds)
            clock.now += error.quota.retry_after_seconds
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_a_wait_is_felt_by_one_name_at_one_address_and_ends_with_success(sign_ins, clock):
    for _ in range(5):
        sign_ins.failed(HOME, "a")
    assert refused(sign_ins.enter, HOME, "a").retry_after_seconds == 1
    sign_ins.enter(HOME, "b")
    sign_ins.enter(OFFICE, "a")
    clock.now += 1
    sign_ins.enter(HOME, "a")
    sign_ins.succeeded(HOME, "a")
    sign_ins.failed(HOME, "a")
    sign_ins.enter(HOME, "a")


def test_old_failures_are_forgotten(sign_ins, clock):
    for _ in range(20):
        sign_ins.failed(HOME, "a")
    clock.now += 3_600
    sign_ins.enter(HOME, "a")
    sign_ins.failed(HOME, "a")
    sign_ins.enter(HOME, "a")


def test_many_addresses_guess_no_faster_than_the_bound(sign_ins, clock):
    """And the owner does not feel it where the name signed in before; elsewhere a try comes free every 36 s."""
    sign_ins.succeeded(HOME, "a")
    attackers = (str(address) for address in ipaddress.ip_network("10.0.0.0/8"))
    for _ in range(100):
        attacker = next(attackers)
        sign_ins.enter(attacker, "a")
        sign_ins.failed(attacker, "a")
    assert refused(sign_ins.enter, next(attackers), "a").retry_after_seconds == 36
    sign_ins.enter(HOME, "a")
    sign_ins.enter(OFFICE, "b")
    sign_ins.enter(OFFICE, "a", guessable=False)
    clock.now += 36
    sign_ins.enter(OFFICE, "a")
    sign_ins.succeeded(OFFICE, "a")
    sign_ins.failed(next(attackers), "a")
    sign_ins.enter(OFFICE, "a")


def test_who_guesses_at_the_same_moment_pays_for_all_of_it(sign_ins, clock):
    attackers = [str(address) for address in ipaddress.ip_network("10.0.0.0/24")]
    for attacker in attackers[:99]:
        sign_ins.failed(attacker, "a")
    for attacker in attackers[:20]:  # all enter before the first has failed
        sign_ins.enter(attacker, "a")
    for attacker in attackers[:20]:
        sign_ins.failed(attacker, "a")
    assert refused(sign_ins.enter, HOME, "a").retry_after_seconds == 20 * 36
    clock.now += 20 * 36
    sign_ins.enter(HOME, "a")


def test_secrets_of_clients_do_not_push_names_out_of_the_memory(sign_ins, monkeypatch):
    monkeypatch.setattr(throttle, "MAX_REMEMBERED", 10)
    for number in range(100):
        sign_ins.failed(f"10.0.0.{number}", "a")
    for number in range(20):
        sign_ins.failed(OFFICE, f"client/{number}", guessable=False)
    refused(sign_ins.enter, HOME, "a")


def test_names_are_kept_as_hashes_only(sign_ins):
    sign_ins.enter(HOME, "a-name")
    sign_ins.failed(HOME, "a-name")
    sign_ins.succeeded(HOME, "a-name")
    assert b"a-name" not in repr(vars(sign_ins)).encode()
    assert b"a-name" not in b"".join([*sign_ins._failures, *sign_ins._known])


def test_a_flood_of_failures_is_told_in_few_entries_and_none_is_lost(sign_ins, clock):
    told = [sign_ins.left_out("unknown") for _ in range(1_000)]
    assert told == [0] * throttle.TOLD_PER_MINUTE + [None] * (1_000 - throttle.TOLD_PER_MINUTE)
    assert sign_ins.left_out("user/ada") == 0, "nobody else's entries go under in it"
    clock.now += 1
    assert [sign_ins.left_out("unknown") for _ in range(2)] == [1_000 - throttle.TOLD_PER_MINUTE, None]
    clock.now += 60
    assert [sign_ins.left_out("unknown") for _ in range(2)] == [1, 0]
