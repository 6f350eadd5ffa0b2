"""Workflows over HTTP; who runs them is in ``tests/unit/test_workflows.py``."""

import gzip
import json

import pytest

from cloudpulse.ops.workflows import failed, with_error

EVENT = {"event_type": "Page View", "session_id": "s", "source": "web", "user_id": "ada"}
LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def admin(bearer):
    return bearer("admin")


def raw(services, execution):
    with services.workflows._uploads.open(execution["steps"][0]["output"]["path"]) as stream:
        return stream.read()


def test_an_execution_is_begun_and_shown(http, services, admin):
    answer = http.post("/v1/workflows/activity", headers=admin, json=[EVENT])
    execution = answer.json()
    assert (answer.status_code, execution["status"], execution["workflow"]) == (202, "waiting", "activity")
    assert [step["status"] for step in execution["steps"]] == ["done", "waiting", "waiting"]
    assert json.loads(raw(services, execution)) == [EVENT]
    assert http.get(f"/v1/workflows/{execution['id']}", headers=admin).json() == execution
    listed = http.get("/v1/workflows", headers=admin).json()
    assert listed["executions"] == [execution]
    assert listed["workflows"][0]["steps"] == ["ingest", "process", "write"]


def test_lines_and_compressed_bodies(http, services, admin):
    body = json.dumps(EVENT).encode() + b"\n"
    headers = admin | LINES | {"Content-Encoding": "gzip"}
    execution = http.post("/v1/workflows/activity", headers=headers, content=gzip.compress(body)).json()
    assert execution["steps"][0]["input"]["format"] == "ndjson"
    assert raw(services, execution) == body


def test_a_key_names_an_execution(http, admin):
    headers = admin | {"Idempotency-Key": "k"}
    first = http.post("/v1/workflows/activity", headers=headers, json=EVENT).json()
    assert http.post("/v1/workflows/activity", headers=headers, json=EVENT).json() == first
    other = http.post("/v1/workflows/activity", headers=headers, json=[EVENT])
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    long = http.post("/v1/workflows/activity", headers=admin | {"Idempotency-Key": "k" * 129}, json=EVENT)
    assert long.status_code == 400


def test_what_cannot_be_taken(http, services, admin):
    def post(headers=None, content=b"{}", name="activity"):
        return http.post(f"/v1/workflows/{name}", headers=admin | (headers or {}), content=content).status_code

    assert post(name="nothing") == 404
    assert post(content=b" \n") == 400
    assert post({"Content-Type": "text/csv"}) == 415
    assert post(content=b" " * 100_001) == 413
    assert post({"Content-Encoding": "gzip"}) == 400
    assert http.get("/v1/workflows", headers=admin).json()["executions"] == []
    assert services.workflows._uploads.paths() == []


def test_one_that_has_failed_is_taken_up_again_which_stands_in_the_audit_log(http, services, executions, admin):
    execution_id = http.post("/v1/workflows/activity", headers=admin, json=EVENT).json()["id"]
    executions.change(execution_id, lambda one: failed(with_error(one, "write", "No."), "write", services.now()))
    (shown,) = http.get("/v1/workflows?status=failed", headers=admin).json()["executions"]
    assert (shown["error"], shown["steps"][2]["errors"]) == ("write: No.", ["No."])
    again = http.post(f"/v1/workflows/{execution_id}/retry", headers=admin)
    assert (again.status_code, again.json()["status"], again.json()["retries"]) == (202, "waiting", 1)
    (audited,) = services.settings.data.glob("audit*.ndjson")
    entry = json.loads(audited.read_text())
    assert (entry["action"], entry["subject"]) == ("workflow_retry", f"workflow/{execution_id}")


def test_lists_are_filtered_and_what_is_unknown_is_told(http, admin):
    for _ in range(3):
        http.post("/v1/workflows/activity", headers=admin, json=EVENT)
    for query, found in (("limit=2", 2), ("workflow=activity", 3), ("status=done", 0), ("status=waiting", 3)):
        assert len(http.get(f"/v1/workflows?{query}", headers=admin).json()["executions"]) == found
    for query in ("limit=0", "status=lost"):
        assert http.get(f"/v1/workflows?{query}", headers=admin).status_code == 400
    assert http.get("/v1/workflows?workflow=nothing", headers=admin).status_code == 404
    assert http.get("/v1/workflows/nothing", headers=admin).json()["detail"].startswith("There is no execution")
    assert http.post("/v1/workflows/nothing/retry", headers=admin).status_code == 404
