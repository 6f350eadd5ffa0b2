"""The watch over all logs sees what is sent, and finds it wherever it was written."""

import gzip
import json
import subprocess
import sys

import httpx
import pytest

from log_hygiene import Memory, find_leaks, leaks, listen

EVENT = {
    "event_type": "page_view",
    "session_id": "session-of-ada",
    "properties": {"page": "/letters/ada", "nested": [{"word": "Ärger\n“quoted”"}]},
    "metadata": {"ip_address": "203.0.113.77", "user_agent": "Mozilla/9"},
}
ANSWER = {"access_token": "ey.revealed.token", "client_id": "0123456789abcdef"}


@pytest.fixture
def memory():
    memory = Memory()
    with pytest.MonkeyPatch.context() as patch:
        listen(memory, patch)
        yield memory


@pytest.fixture
def http(memory):
    cookie = {"set-cookie": "refresh=a-cookie-that-refreshes; Path=/v1/auth; SameSite=Strict"}
    with httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json=ANSWER, headers=cookie))
    ) as http:
        yield http


def send_all_there_is(http):
    headers = {
        "Authorization": "Bearer a-token-of-ada",
        "X-Forwarded-For": "198.51.100.9",
        "User-Agent": "Lovelace/1.0",
    }
    http.post("http://x/v1/events?write_key=wk_of_ada", json=EVENT, headers=headers)
    body = gzip.compress(json.dumps({"email": "Ada@Example.org", "password": "correct horse"}).encode() + b"\n{")
    http.post("http://x/v1/auth/login", content=body, headers={"Content-Encoding": "gzip"})
    http.post("http://x/v1/token", data={"client_id": "0123456789abcdef", "client_secret": "s3cret-of-ada"})
    http.get("http://x/v1/me", auth=("ada", "basic-secret"))


def test_all_that_is_sent_and_revealed_is_remembered(memory, http):
    send_all_there_is(http)
    secret = {"a-token-of-ada", "wk_of_ada", "correct horse", "s3cret-of-ada", "basic-secret"}
    assert secret | {"ey.revealed.token", "a-cookie-that-refreshes"} <= set(memory.secret)
    personal = {"session-of-ada", "/letters/ada", "203.0.113.77", "198.51.100.9", "lovelace/1.0", "ada@example.org"}
    assert personal <= set(memory.personal)
    assert not {"0123456789abcdef", "page_view"} & {*memory.secret, *memory.personal}


def test_a_word_of_our_own_source_betrays_nobody(memory, http):
    http.post("http://x/v1/clients", json={"name": "cloudpulse", "note": "Cloudpulse of Ada"})
    assert {"note", "name"} & set(memory.personal.values()) == {"note"}


@pytest.mark.parametrize("name", ["up.log", "server.log", "audit.ndjson"])
def test_each_of_them_is_found_in_a_log(memory, http, tmp_path, name):
    send_all_there_is(http)
    log = tmp_path / "server" / name
    log.parent.mkdir()
    log.write_text('{"event": "started"}\n')
    memory.roots.add(str(tmp_path))
    assert leaks(memory) == []
    for value in (*memory.secret, *memory.personal):
        log.write_text('{"event": "started"}\n' + json.dumps({"event": "failed", "detail": f"<{value.upper()}>"}))
        assert leaks(memory), value
    log.unlink()


def test_a_secret_on_stderr_is_found_and_a_repeated_name_is_not():
    memory = Memory()
    memory.personal["ada@example.org"] = "email"
    memory.secret["a-token-of-ada"] = "token"
    for complaint, found in (("there is no user ada@example.org", 0), ("a-token-of-ada is not valid", 1)):
        memory.command(["users", "remove"], "", complaint)
        assert len(leaks(memory)) == found


def test_what_a_command_shows_is_remembered(memory):
    script = 'print(\'{"client_id": "ab", "client_secret": "shown-only-once"}\')'
    subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert "shown-only-once" in memory.secret


def test_what_one_process_sends_is_found_in_the_log_of_another(memory, http, tmp_path):
    send_all_there_is(http)
    leader, other = Memory(), Memory()
    other.roots.add(str(tmp_path))
    memory.command(["users", "remove"], "", "refused: eyJhbGciOiJ of ada")
    for worker in (memory, other):
        leader.take_over(worker.dump())
    log = tmp_path / "up.log"
    log.write_text("session-of-ada has come\n")
    assert [leak.partition(": ")[0] for leak in leaks(leader)] == [str(log), "stderr of a command"]
    log.unlink()


def test_a_thousand_values_and_a_megabyte_are_quickly_searched():
    """Without the pieces, each of these values would cost a search of the whole text."""
    text = "\n".join(f'{{"event": "committed", "batch": {number}}}' for number in range(30_000))
    values = {f"value-{number}": "value" for number in range(20_000)}
    assert find_leaks(text, values) == []
    assert len(find_leaks(f"{text}\nvalue-777\n", values)) == 3
