"""The workflow ``activity`` on a running server: by route, command and watched folder; and what users did."""

import json
import os

import pytest

from live_server import count_of, event, eventually


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def busy(start_server, folder):
    """A server that watches a folder."""
    server = start_server(lake_commit_seconds=1, watch_folder=folder)
    with server.client() as client:
        yield server, client


def outcome(client, answer):
    assert answer.status_code == 202, answer.text
    path = f"/v1/workflows/{answer.json()['id']}"
    return eventually(lambda: ended if (ended := client.get(path).json())["status"] in ("done", "failed") else None)


def activity(client, user_id, limit=3):
    """All pages."""
    found, params = [], {"limit": limit}
    while params:
        page = client.get(f"/v1/users/{user_id}/activity", params=params).json()
        found += page["events"]
        params = {"limit": limit, "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    return found


def test_an_upload_becomes_events_once_however_often_it_is_sent(busy):
    _, client = busy
    events = [event("s1", kind, user_id="ada") for kind in ("Page View", "PAGE-VIEW", "signup")]
    body = [*events, event("s1", source="fax", user_id="ada")]
    ended = outcome(client, client.post("/v1/workflows/activity", json=body, headers={"Idempotency-Key": "k"}))
    assert ended["status"] == "done"
    assert [(step["name"], step["status"], step["attempts"]) for step in ended["steps"]] == [
        ("ingest", "done", 1),
        ("process", "done", 1),
        ("write", "done", 1),
    ]
    assert ended["steps"][1]["output"]["rejections"] == [{"index": 3, "code": "invalid_enum", "field": "source"}]
    assert ended["steps"][2]["output"]["accepted"] == 3
    again = client.post("/v1/workflows/activity", json=body, headers={"Idempotency-Key": "k"})
    assert again.json() == ended
    other = client.post("/v1/workflows/activity", json=events, headers={"Idempotency-Key": "k"})
    assert other.status_code == 409
    assert count_of(client, session_id="s1") == 3
    found = activity(client, "ada")
    assert sorted((one["event_type"], one["event_name"]) for one in found) == [
        ("custom", "signup"),
        ("page_view", None),
        ("page_view", None),
    ]
    # The pipeline has passed them on: its own connection tells nothing about ada.
    assert [(one["metadata"], one["timestamp"]) for one in found] == [({}, ended["requested_at"])] * 3


def test_activity_is_complete_and_newest_first(busy):
    _, client = busy
    times = [f"2026-03-0{day}T10:00:0{second}.000Z" for day in (1, 2, 3) for second in range(4)]
    times.reverse()
    lines = b"\n".join(json.dumps(event("s2", user_id="bob", timestamp=at)).encode() for at in sorted(times))
    headers = {"Content-Type": "application/x-ndjson"}
    assert outcome(client, client.post("/v1/workflows/activity", content=lines, headers=headers))["status"] == "done"
    client.post("/v1/events", json=event("s2", user_id="bob"))
    found = activity(client, "bob")
    assert [one["timestamp"] for one in found[1:]] == times
    assert len({one["event_id"] for one in found}) == 13
    answer = client.get("/v1/users/nobody/activity")
    assert (answer.status_code, answer.json()["events"], answer.json()["next_cursor"]) == (200, [], None)


def test_the_command_runs_a_file_and_tells_what_became_of_it(busy, tmp_path):
    server, client = busy
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(json.dumps(event("s3", "Page View")) for _ in range(50)))
    said = server.cli("workflows", "run", "activity", str(file))
    assert said.endswith("is done: 50 events added, 0 known before, 0 rejected.\n")
    assert server.cli("workflows", "run", "activity", str(file)) == said
    assert count_of(client, session_id="s3") == 50
    (tmp_path / "poison.json").write_text("[{]")
    server.cli("workflows", "run", "activity", str(tmp_path / "poison.json"), code=1)
    (failed, *_) = json.loads(server.cli("workflows", "list", "--status", "failed", "--json"))
    server.cli("workflows", "retry", failed["id"], code=1)
    assert client.get(f"/v1/workflows/{failed['id']}").json()["retries"] == 1


def test_the_watched_folder_takes_files_and_sorts_them(busy, folder):
    server, client = busy
    (folder / ".upload").write_text(json.dumps(event("s4", "page-view", user_id="ophelia")))
    os.rename(folder / ".upload", folder / "good.json")
    (folder / "bad.json").write_text("rubbish of ophelia")
    (folder / "notes.txt").write_text("mine")
    expected = ["bad.json", "bad.json.reason", "good.json", "notes.txt"]
    eventually(
        lambda: sorted(path.name for path in folder.rglob("*.*")) == expected and not (folder / "bad.json").exists()
    )
    eventually(lambda: (folder / "done" / "good.json").exists())
    assert "neither a JSON object nor an array" in (folder / "failed" / "bad.json.reason").read_text()
    (found,) = activity(client, "ophelia")
    assert (found["event_type"], found["app"]) == ("page_view", "default")
    assert "ophelia" not in server.log()


def test_everything_is_accounted_for(busy):
    server, _ = busy
    server.cli("verify", "--deep")
    server.cli("jobs", "run", "expire")
