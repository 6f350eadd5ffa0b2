"""Rate limits: token buckets for callers that have a limit, and a throttle for everybody who signs in.

All of it lives in the memory of one process and is bounded: what was asked for longest ago is forgotten first.
"""

import hashlib
import math
import secrets as random
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import TypeVar

from cloudpulse.errors import Quota, RateLimited

MAX_REMEMBERED = 100_000
MINUTE_SECONDS = 60.0
HOUR_SECONDS = 3600.0

FREE_FAILURES = 5
MAX_WAIT_SECONDS = 900
FAILURES_PER_HOUR = 100
"""Of one name, over all addresses: what OWASP's ASVS allows (2.2.1)."""

TOLD_PER_MINUTE = 60
"""So many failures of one subject have an entry each in the audit log, whoever they come from: an attack must not fill
the disk."""

_TOLERANCE_SECONDS = 1e-6

Name = TypeVar("Name", bound=Hashable)
T = TypeVar("T")


class TokenBuckets:
    """One bucket a name, which holds ``limit`` tokens and is refilled evenly, ``limit`` in ``period_seconds``.

    ``clock`` returns monotonic seconds. All that a bucket must remember is when it will be full again.
    """

    def __init__(self, clock: Callable[[], float], period_seconds: float = MINUTE_SECONDS) -> None:
        self._clock = clock
        self._period_seconds = period_seconds
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()
        self._lock = Lock()

    def take(self, name: Hashable, limit: int) -> Quota:
        """Take one token; raises ``RateLimited`` when there is none, and takes nothing then."""
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.get(name, now), now) + self._period_seconds / limit
            if full_at - now > self._period_seconds + _TOLERANCE_SECONDS:
                raise self._refusal(limit, full_at - now)
            _remember(self._full_at, name, full_at)
        return self._quota(limit, full_at - now)

    def charge(self, name: Hashable, limit: int) -> None:
        """Take one token, also where there is none: what is owed must be refilled before the next one."""
        with self._lock:
            now = self._clock()
            owed_until = max(self._full_at.get(name, now), now) + self._period_seconds / limit
            _remember(self._full_at, name, owed_until)

    def look(self, name: Hashable, limit: int) -> None:
        """Raise ``RateLimited`` when there is no token; takes none."""
        now = self._clock()
        needed_seconds = self._full_at.get(name, now) - now + self._period_seconds / limit
        if needed_seconds > self._period_seconds + _TOLERANCE_SECONDS:
            raise self._refusal(limit, needed_seconds)

    def _quota(self, limit: int, empty_seconds: float) -> Quota:
        left = (self._period_seconds - empty_seconds + _TOLERANCE_SECONDS) * limit / self._period_seconds
        return Quota(limit, int(left), math.ceil(empty_seconds))

    def _refusal(self, limit: int, needed_seconds: float) -> RateLimited:
        wait = max(1, math.ceil(needed_seconds - self._period_seconds))
        reset = math.ceil(needed_seconds - self._period_seconds / limit)
        return RateLimited(f"Too many requests: try again in {wait} s.", Quota(limit, 0, reset, wait))


class SignInThrottle:
    """Slows down whoever guesses passwords or secrets; ``clock`` returns monotonic seconds.

    Three bounds, after OWASP's cheat sheet on authentication and its ASVS:

    - An address may try ``per_minute`` times, whatever the name. Of IPv6 a /64 counts as one address: whoever has one
      has all of it.
    - After five failures in a row of one name at one address the next try waits 1, 2, 4 … up to 900 s. Another
      address does not feel it, so nobody can lock an account by failing elsewhere.
    - A name may fail 100 times an hour over all addresses: many machines guess no faster than that. An address at
      which the name signed in before is exempt (OWASP's device cookie, kept by us), so the owner does not
      feel the attack. At a new address the owner competes for one try in 36 s while it lasts, no longer: there is no
      lock that somebody must lift. Where a secret cannot be guessed (``guessable=False``: 256 random bits) this bound
      would protect nothing and only keep new machines of a client out: it does not hold there.

    Names and addresses are kept as keyed hashes, and only in memory. Loopback is an address like any other.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._hash_key = random.token_bytes(32)
        self._addresses = TokenBuckets(clock)
        self._failed_names = TokenBuckets(clock, HOUR_SECONDS)
        self._told = TokenBuckets(clock)
        self._left_out = Counter[str]()
        self._failures: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._lock = Lock()

    def enter(self, address: str, name: str, guessable: bool = True) -> Quota:
        """Let somebody try to sign in as ``name``; raises ``RateLimited``. Then call ``failed`` or ``succeeded``."""
        quota = self._addresses.take(self._hash(_network(address)), self._per_minute)
        pair = self._pair(address, name)
        self._check_wait(pair)
        if guessable and pair not in self._known:
            self._failed_names.look(self._hash(name), FAILURES_PER_HOUR)
        return quota

    def failed(self, address: str, name: str, guessable: bool = True) -> None:
        """The password or secret was wrong."""
        if guessable:
            # Several may have entered on the last try that was left: all of them count.
            self._failed_names.charge(self._hash(name), FAILURES_PER_HOUR)
        pair = self._pair(address, name)
        with self._lock:
            failures, last_at = self._failures.get(pair, (0, 0.0))
            # An hour after the last failure a new row begins.
            row = failures + 1 if self._clock() - last_at < HOUR_SECONDS else 1
            _remember(self._failures, pair, (row, self._clock()))

    def succeeded(self, address: str, name: str) -> None:
        """The password or secret was right: the failures before are forgotten, and the address is known."""
        pair = self._pair(address, name)
        with self._lock:
            self._failures.pop(pair, None)
            _remember(self._known, pair, None)

    def left_out(self, subject: str) -> int | None:
        """How many of a subject's failures the audit log lacks before this one; None when it shall lack this one, too.

        All subjects that are unknown must be one.
        """
        with self._lock:
            try:
                self._told.take(subject, TOLD_PER_MINUTE)
            except RateLimited:
                self._left_out[subject] += 1
                return None
            return self._left_out.pop(subject, 0)

    def _check_wait(self, pair: bytes) -> None:
        failures, last_at = self._failures.get(pair, (0, 0.0))
        if failures < FREE_FAILURES:
            return
        wait = last_at + min(2 ** min(failures - FREE_FAILURES, 10), MAX_WAIT_SECONDS) - self._clock()
        if wait > 0:
            seconds = math.ceil(wait)
            quota = Quota(self._per_minute, 0, seconds, seconds)
            raise RateLimited(f"Too many failed sign-ins: try again in {seconds} s.", quota)

    def _pair(self, address: str, name: str) -> bytes:
        return self._hash(_network(address)) + self._hash(name)

    def _hash(self, text: str) -> bytes:
        folded = text.strip().casefold().encode("utf-8", "surrogatepass")
        return hashlib.blake2b(folded, digest_size=16, key=self._hash_key).digest()


def _network(address: str) -> str:
    """What counts as one sender."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or parsed.packed[:8].hex())


def _remember(memory: OrderedDict[Name, T], key: Name, value: T) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MAX_REMEMBERED:
        memory.popitem(last=False)
