"""What somebody may try over the wire against a running server: it takes little memory, and others are served.

The limits of time are short here. Nothing is measured but memory; what takes long fails by the tests' own patience.
"""

import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import httpx
import psutil
import pytest

from live_server import event, eventually

MIB = 1 << 20
PATIENCE_SECONDS = 20
HEAD = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /v1/token HTTP/1.1\r\nHost: a\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d+) ").findall
CHUNKED = POST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def edge(start_server):
    return start_server(header_timeout_seconds=1, body_timeout_seconds=4, sign_ins_per_minute=10_000)


@pytest.fixture(scope="module")
def caller(edge):
    with edge.client() as client:
        yield client


class Wire:
    """A connection on which anything may be said."""

    def __init__(self, server):
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, *parts):
        """Send, as far as the server listens."""
        with suppress(ConnectionError):
            for part in parts:
                self.socket.sendall(part)
        return self

    def hear(self, until=None):
        """All until the server closes, or until these bytes have come."""
        heard = bytearray()
        while until is None or until not in heard:
            try:
                part = self.socket.recv(1 << 16)
            except ConnectionError:
                break
            if not part:
                break
            heard += part
        return bytes(heard)


def said(server, *parts):
    """All that the server answers until it closes the connection."""
    with Wire(server) as wire:
        return wire.say(*parts).hear()


def refusal(answer, status):
    """The problem in the one answer that closes a connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert int(lines[0].split()[1]) == status, answer[:300]
    assert len(STATUS(answer)) == 1
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]
    assert "server" not in headers
    problem = json.loads(body)
    assert problem["status"] == status
    return problem


@contextmanager
def bounded_memory(server, most=200 * MIB):
    """No more than ``most`` bytes above the present are taken meanwhile, seen every few milliseconds."""
    process = psutil.Process(json.loads((server.data / "server.json").read_text())["pids"]["api"])
    before = process.memory_info().rss
    peak, ended = [before], threading.Event()

    def look():
        while not ended.wait(0.005):
            peak[0] = max(peak[0], process.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert peak[0] - before < most, f"{(peak[0] - before) / MIB:.0f} MiB"


@contextmanager
def somebody_else(server):
    """A second client, which is answered all the while."""
    ended = threading.Event()

    def ask():
        with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
            while not ended.wait(0.01):
                assert client.get("/healthz").status_code == 200

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield
        finally:
            ended.set()
        asking.result(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        POST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        POST + b"Content-Length: 4, 4\r\n\r\nabcd",
        POST + b"Content-Length: -4\r\n\r\nabcd",
        POST + b"Content-Length: +4\r\n\r\nabcd",
        POST + b"Content-Length: 0x4\r\n\r\nabcd",
        POST + b"Content-Length: 1 2\r\n\r\nabcd",
        POST + b"Content-Length:\r\n\r\nabcd",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nabcd",
        POST + b"Content-Length : 4\r\n\r\nabcd",
        POST + b"Content-Length:\r\n 4\r\n\r\nabcd",
        POST + b"X: a\r\n b\r\n\r\n",
        POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        POST + b"X: a\0b\r\n\r\n",
        POST + b"Host: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\nHost: a\n\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\n",
        b"GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        CHUNKED + b"-1\r\n\r\n",
        CHUNKED + b"0x1\r\n{\r\n0\r\n\r\n",
        CHUNKED + b"1\n{\n0\n\n",
        CHUNKED + b"fffffffffffffffff\r\n{\r\n0\r\n\r\n",
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_request_that_others_may_read_otherwise_is_refused(edge, request_):
    """Whatever follows it is not looked at: that is what smuggling lives on."""
    assert refusal(said(edge, request_ + HEAD), 400)["code"] == "bad_request"
    refusal(said(edge, *(bytes([byte]) for byte in request_), HEAD), 400)


@pytest.mark.parametrize("coding", [b"xchunked", b"identity", b"gzip, chunked"])
def test_no_other_transfer_encoding_is_spoken(edge, coding):
    refusal(said(edge, POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n" + HEAD), 501)


@pytest.mark.parametrize("line", [b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", b"GET /healthz\r\n\r\n"])
def test_no_other_version_is_spoken(edge, line):
    refusal(said(edge, line), 505)


def test_what_is_behind_the_body_is_no_header(edge, caller):
    token = caller.headers["Authorization"].encode()
    head = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = said(edge, head + b"2\r\n{}\r\n0\r\nAuthorization: " + token + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_answers_come_in_order_and_a_refusal_last(edge):
    answer = said(edge, HEAD * 3 + b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" + b"\0\r\n\r\n" + HEAD)
    assert STATUS(answer) == [b"200", b"200", b"200", b"404", b"400"]


def test_a_client_that_would_rather_speak_another_protocol(edge):
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: "
    for name in (b"h2c", b"websocket"):
        assert said(edge, head + name + b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /" + b"a" * (20 * MIB), 414),
        (b"GET /?" + b"a=b&" * (5 * MIB), 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (20 * MIB), 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a" * (20 * MIB), 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * (4 * MIB), 431),
        (CHUNKED + b"1\r\n{\r\n0\r\nX: " + b"a" * (20 * MIB), 431),
        (CHUNKED + b"1;a=" + b"a" * (20 * MIB), 431),
        (b"a" * (20 * MIB), 400),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_head_of_any_size_takes_little_memory(edge, request_, status):
    with bounded_memory(edge, 30 * MIB):
        refusal(said(edge, request_), status)


def test_a_large_head_is_read(edge):
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 250) for number in range(100))
    answer = said(edge, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HT", 408),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", 408),
        (HEAD[:-2], 408),
        (POST + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{", 408),
        (CHUNKED + b"1\r\n{\r\n", 408),
        (b"", None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_whoever_takes_too_long_is_refused(edge, request_, status):
    answer = said(edge, request_)
    assert refusal(answer, status) if status else answer == b""


def test_a_trickle_is_too_slow_as_well(edge):
    """The whole head and the whole body have their time, not each byte of them."""
    for start, more in ((b"GET /healthz HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n"), (CHUNKED, b"1\r\n{\r\n")):
        with Wire(edge) as wire:
            wire.say(start)
            wire.socket.settimeout(0.2)
            answer = b""
            give_up_at = time.monotonic() + PATIENCE_SECONDS
            while not answer:
                assert time.monotonic() < give_up_at
                wire.say(more)
                try:
                    answer = wire.socket.recv(1 << 16)
                except TimeoutError:
                    continue
            refusal(answer, 408)


def test_a_stream_outlives_these_limits(edge, caller):
    token = caller.headers["Authorization"].encode()
    request_ = b"GET /v1/realtime/stream HTTP/1.1\r\nHost: a\r\nAuthorization: " + token + b"\r\n\r\n"
    with Wire(edge) as alone, Wire(edge) as followed:
        alone.say(request_).hear(until=b"data:")
        followed.say(request_ + b"GET / HT").hear(until=b"data:")
        said(edge, b"GET / HT")
        said(edge, CHUNKED)  # both have run into their limits when this goes on
        assert caller.post("/v1/events", json=event("stream")).status_code == 200
        assert b"data:" in alone.hear(until=b"data:")
        assert b"data:" in followed.hear(until=b"data:")


def test_whoever_does_not_read_the_answer_is_let_go(edge, caller):
    """Also when it has closed its ears with an answer on its way."""
    process = psutil.Process(json.loads((edge.data / "server.json").read_text())["pids"]["api"])
    before = len(process.net_connections())
    with ExitStack() as wires:
        for _ in range(5):
            wire = wires.enter_context(Wire(edge))
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.socket.settimeout(0.5)
            with suppress(TimeoutError):
                wire.socket.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 2_000)
        eventually(lambda: len(process.net_connections()) <= before)


def test_answers_that_nobody_reads_share_a_bound(start_server):
    """Those who leave the most unread are let go, long before their time is over; whoever reads is not."""
    server = start_server(max_buffered_bytes=24 * MIB)
    events = [event("s", properties={"text": "x" * 10_000}) for _ in range(1_000)]
    with server.client() as client, ExitStack() as wires:
        assert client.post("/v1/events/batch", json={"events": events}).json()["accepted"] == 1_000
        ask = (
            f"GET /v1/events?limit=1000 HTTP/1.1\r\nHost: a\r\nAuthorization: {client.headers['authorization']}\r\n\r\n"
        )
        process = psutil.Process(json.loads((server.data / "server.json").read_text())["pids"]["api"])
        before = len(process.net_connections())
        for _ in range(12):
            wires.enter_context(Wire(server)).say(ask.encode())
        eventually(lambda: len(process.net_connections()) > before)
        eventually(lambda: len(process.net_connections()) <= before + 4)
        assert len(client.get("/v1/events", params={"limit": 1_000}).json()["events"]) == 1_000


def test_ten_thousand_requests_at_once_are_all_answered(edge):
    """In one write: the server parses no more of them than it answers."""
    with bounded_memory(edge, 15 * MIB), somebody_else(edge), ExitStack() as wires:
        opened = [wires.enter_context(Wire(edge)) for _ in range(4)]
        last = b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        with ThreadPoolExecutor(4) as pool:
            for wire in opened:
                pool.submit(wire.say, HEAD * 2_500 + last)
            heard = list(pool.map(Wire.hear, opened))
    assert [answer.count(b"HTTP/1.1 200 ") for answer in heard] == [2_500] * 4


def test_silent_connections_make_room(start_server):
    server = start_server(max_connections=20, header_timeout_seconds=60)
    with server.client() as client, ExitStack() as wires:
        assert client.get("/v1/query").status_code == 400
        silent = [wires.enter_context(Wire(server)) for _ in range(60)]
        with Wire(server) as wire:
            assert b"200 OK" in wire.say(HEAD).hear(until=b"ok")
        assert silent[0].hear() == b""


def test_when_all_are_busy_a_new_connection_is_refused_and_told(start_server):
    server = start_server(max_connections=5)
    with server.client() as client, ExitStack() as streams:
        token = client.headers["Authorization"].encode()
        stream = b"GET /v1/realtime/stream HTTP/1.1\r\nHost: a\r\nAuthorization: " + token + b"\r\n\r\n"
        client.close()
        for _ in range(5):
            wire = streams.enter_context(Wire(server))
            assert b"200 OK" in wire.say(stream).hear(until=b"data:")
        answer = said(server, HEAD)
        assert refusal(answer, 503)["code"] == "overloaded"
        assert b"\r\nretry-after: 1\r\n" in answer

    def is_answered():
        with Wire(server) as wire:
            return b"200 OK" in wire.say(HEAD).hear(until=b"}")

    eventually(is_answered)


def test_large_bodies_of_all_connections_share_a_bound(start_server):
    """And do not keep small ones out."""
    server = start_server(max_buffered_bytes=4 * MIB)
    with server.client() as client, ExitStack() as wires:
        token = client.headers["Authorization"].encode()
        head = b"POST /v1/events/batch HTTP/1.1\r\nHost: a\r\nAuthorization: " + token
        head += b"\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\n\r\n"
        first, second = (wires.enter_context(Wire(server)) for _ in range(2))
        first.say(head + b" " * 2_900_000)
        answer = second.say(head + b" " * 2_900_000).hear()
        assert refusal(answer, 503)["code"] == "overloaded"
        assert b"\r\nretry-after: 1\r\n" in answer
        assert client.post("/v1/events", json=event("small")).status_code == 200
        first.socket.close()

        def large_one_passes():
            body = json.dumps({"events": [event("large")]}) + " " * 2_900_000
            return client.post("/v1/events/batch", content=body, headers=JSON).status_code == 200

        eventually(large_one_passes)
        assert large_one_passes()


JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
FULL = 10 * MIB - 200
LONE = '{"event_type":"click","session_id":"s","source":"web","properties":{"a":'


def filled(head, unit, tail):
    return (head + ",".join([unit] * ((FULL - len(head) - len(tail)) // (len(unit) + 1))) + tail).encode()


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/v1/events/batch", JSON, filled("[", "{}", "]"), 413),
        ("/v1/events/batch", JSON, filled('{"events":[', "1", "]}"), 413),
        ("/v1/events/batch", JSON, filled('{"events":[', "{}", "]}"), 413),
        ("/v1/events/batch", JSON, b'{"events":[' + b",".join([b"1"] * 990_000) + b"]}", 413),
        ("/v1/events", JSON, filled(LONE + "[", "{}", "]}}"), 413),
        ("/v1/events", JSON, (LONE + ",".join(["[" + '{"":{}}'] * 200_000)).encode(), 400),
        ("/v1/event", JSON, filled('{"source":"web","event_type":"x","meta":{"a":[', "[]", "]}}"), 413),
        ("/v1/events/batch", JSON, b"[" * FULL, 413),
        ("/v1/events", JSON, b'{"a":' * (FULL // 5), 413),
        ("/v1/events/batch", JSON, b'"' + b"a" * FULL + b'"', 400),
        ("/v1/events", JSON, b'{"' + b"a" * FULL + b'":1}', 400),
        ("/v1/events/batch", NDJSON, b"\n" * 5_000_000, 413),
        ("/v1/events/batch", NDJSON, b"{}\n" * 10_000, 400),
        ("/v1/events/batch", NDJSON, b" \n" * 400_000, 400),
        ("/v1/events/batch", NDJSON, (LONE + "1}}\n").encode() * 100_000, 413),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_body_of_many_small_or_few_huge_things_takes_bounded_memory(edge, caller, path, headers, body, status):
    with bounded_memory(edge), somebody_else(edge):
        for _ in range(3):
            answer = caller.post(path, content=body, headers=headers)
            assert answer.status_code == status, answer.text[:300]
    assert len(answer.content) < 5 * MIB


def test_a_limited_client_gets_its_share_and_no_more(edge, caller):
    """Sixteen at once: what the bucket holds and what flows into it meanwhile, and a bad token stays a bad token."""
    limit = 120
    made = caller.post(
        "/v1/clients", json={"name": "limited", "scopes": ["events:write"], "requests_per_minute": limit}
    )
    assert made.status_code == 201, made.text
    token = httpx.post(f"{edge.url}/v1/token", json=made.json()).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    started = time.monotonic()

    def send(number):
        with httpx.Client(base_url=edge.url, headers=headers, timeout=PATIENCE_SECONDS) as client:
            return [client.post("/v1/events", json=event(f"limited-{number}")) for _ in range(20)]

    with ThreadPoolExecutor(16) as pool:
        answers = [answer for some in pool.map(send, range(16)) for answer in some]
    flown_in = (time.monotonic() - started) * limit / 60
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(passed) + len(refused) == len(answers)
    assert limit <= len(passed) <= limit + flown_in + 1
    for answer in answers:
        assert answer.headers["ratelimit-limit"] == str(limit)
        assert 0 <= int(answer.headers["ratelimit-remaining"]) < limit
        assert 0 <= int(answer.headers["ratelimit-reset"]) <= 60
    assert {answer.json()["code"] for answer in refused} == {"rate_limited"}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert not [answer for answer in passed if "retry-after" in answer.headers]

    bad = {"Authorization": headers["Authorization"][:-6] + "AAAAAA"}
    assert httpx.post(f"{edge.url}/v1/events", json=event("bad"), headers=bad).status_code == 401
    assert caller.post("/v1/events", json=event("other")).status_code == 200
    assert "ratelimit-limit" not in caller.get("/healthz").headers
    assert "cloudpulse_rate_limited_total" in caller.get("/metrics").text


def test_asking_for_tokens_is_limited(start_server):
    server = start_server(sign_ins_per_minute=5)
    wrong = {"client_id": "nobody", "client_secret": "x"}
    with httpx.Client(base_url=server.url) as client:
        answers = [client.post("/v1/token", json=wrong) for _ in range(8)]
        assert [answer.status_code for answer in answers[:5]] == [401] * 5
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert all("ratelimit-remaining" in answer.headers for answer in answers)
        assert client.get("/healthz").status_code == 200


def test_others_on_the_machine_see_nothing_of_the_data_folder(start_server):
    server = start_server(lake_commit_seconds=1)
    with server.client() as client:
        assert client.post("/v1/events", json=event("private")).status_code == 200
        assert client.post("/v1/clients", json={"name": "audited"}).status_code == 201
        eventually(lambda: list((server.data / "lake").rglob("*.parquet")) or list(server.data.rglob("*.parquet")))
    assert server.data.stat().st_mode & 0o777 == 0o700
    ours = [path for path in server.data.rglob("*") if path.name != "up.log"]  # that one is the test's own
    assert [path for path in ours if path.is_file() and path.stat().st_mode & 0o077] == []
    for name in ("secrets.db", "audit.ndjson", "first-login"):
        assert (server.data / name).stat().st_mode & 0o777 == 0o600, name
