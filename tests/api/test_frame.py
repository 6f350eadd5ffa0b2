"""The frame around every route: ids, errors, guards, the hot way."""

import re

import pytest

from cloudpulse.api.guards import ScopeGuard

PROBLEM = {"type", "title", "status", "detail", "code", "errors"}


def assert_problem(answer, status, code):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert set(body) == PROBLEM
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]
    assert body["detail"]
    return body


def _filled(path_format):
    return re.sub(r"\{.*?\}", "01890a5d-ac96-774b-bcce-b302099a8057", path_format)


def served(http):
    """(method, path) of all routes, with something in the place of path parameters."""
    return [
        (method, _filled(route.path_format))
        for route in http.app.routes
        for method in route.methods
        if method != "OPTIONS"
    ]


def guarded(http):
    return [
        (method, _filled(route.path_format))
        for route in http.app.routes
        for handler in route.route_handlers
        for method in handler.http_methods
        if any(isinstance(guard, ScopeGuard) for guard in handler.resolve_guards())
    ]


def test_every_answer_has_a_request_id(http):
    for method, path in served(http):
        assert http.request(method, path).headers["x-request-id"], (method, path)


def test_a_sane_request_id_is_kept_and_another_replaced(http):
    assert http.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    for bad in ("a b", "x" * 129, "<script>"):
        assert http.get("/healthz", headers={"X-Request-Id": bad}).headers["x-request-id"] != bad


def test_every_wrong_method_is_a_problem_that_names_the_right_ones(http):
    for path in {path for _, path in served(http)}:
        answer = http.request("PUT", path)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"], path


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/index.html",
        "/assets",
        "/assets/nothing.js",
        "/v1/nothing",
        "/docs/nothing",
        "/v1/openapi.yaml",
        "/docs/openapi.json",
    ],
)
def test_an_unknown_path_is_a_problem(http, path):
    assert_problem(http.get(path), 404, "not_found")


def test_every_guarded_route_refuses_a_request_without_a_token(http):
    assert guarded(http)
    for method, path in guarded(http):
        answer = http.request(method, path)
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer "), path


def test_every_guarded_route_refuses_a_token_without_a_scope(http, bearer):
    for method, path in guarded(http):
        assert_problem(http.request(method, path, headers=bearer()), 403, "forbidden")


@pytest.mark.parametrize("value", ["Bearer", "Bearer x", "Basic eDp5", "Bearer a.b.c", "Bearer \xe9", "bearer  "])
def test_a_malformed_authorization_is_refused(http, value):
    answer = http.post("/v1/probe/hot", headers={"Authorization": value.encode("latin-1")})
    assert_problem(answer, 401, "unauthorized")


def test_a_hot_route_answers_the_same_on_the_short_way_and_through_litestar(http, bearer):
    short = http.post("/v1/probe/hot", content=b"text", headers=bearer("events:write"))
    long = http.post("/v1/probe/hot/", content=b"text", headers=bearer("events:write"))
    assert short.json() == long.json() == {"text": "text probe"}
    assert (short.status_code, short.headers["content-type"]) == (long.status_code, long.headers["content-type"])
    assert long.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/v1/probe/hot", "/v1/probe/hot/"])
def test_errors_of_a_hot_route_are_problems(http, bearer, path):
    headers = bearer("events:write")
    overloaded = http.post(path, content=b"overloaded", headers=headers)
    assert_problem(overloaded, 503, "overloaded")
    assert overloaded.headers["retry-after"] == "7"
    assert_problem(http.post(path, content=b"x" * 100_001, headers=headers), 413, "too_large")
    assert_problem(http.get(path, headers=headers), 405, "method_not_allowed")
    assert_problem(http.post(path, content=b"broken", headers=headers), 500, "internal_error")


def test_an_unexpected_error_tells_nothing_but_the_request_id(http, capsys):
    answer = http.get("/v1/probe/broken?text=a-secret", headers={"X-Request-Id": "id-1"})
    body = assert_problem(answer, 500, "internal_error")
    assert "id-1" in body["detail"]
    assert "a-secret" not in answer.text
    logged = capsys.readouterr()
    assert "id-1" in logged.out + logged.err
    assert "a-secret" not in logged.out + logged.err


@pytest.mark.parametrize("query", ["?limit=many", ""])
def test_a_bad_parameter_is_named(http, query):
    body = assert_problem(http.get(f"/v1/probe/number{query}"), 400, "invalid_parameter")
    assert body["errors"][0]["field"] == "limit"
    assert body["errors"][0]["message"]


def test_liveness_and_readiness(http, services):
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ok"}
    services.health.reason = "The pipeline stands still."
    body = assert_problem(http.get("/readyz"), 503, "not_ready")
    assert body["detail"] == "The pipeline stands still."


def test_metrics_count_requests_and_show_gauges(http, bearer):
    http.get("/healthz")
    http.get("/no/such/path")
    answer = http.get("/metrics", headers=bearer("admin"))
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    text = answer.text
    assert 'cloudpulse_requests_total{method="GET",route="/healthz",status="200"}' in text
    assert 'cloudpulse_requests_total{method="other",route="other",status="404"}' in text
    assert "/no/such/path" not in text
    assert "cloudpulse_backlog_events 3.0" in text
