"""The OpenAPI document and its page."""

import re

from openapi_spec_validator import OpenAPIV31SpecValidator, validate


def test_the_document_is_valid_openapi_3_1(http):
    document = http.get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    validate(document, cls=OpenAPIV31SpecValidator)


def test_the_document_describes_every_route(http):
    paths = http.get("/v1/openapi.json").json()["paths"]
    served = {
        (route.path_format, method.lower())
        for route in http.app.routes
        for handler in route.route_handlers
        for method in handler.http_methods
        if handler.resolve_include_in_schema()
    }
    assert served == {(path, method) for path, item in paths.items() for method in item}
    for path, method in served:
        answers = paths[path][method]["responses"]
        guarded = {"401", "403", "429", "503"} if "security" in paths[path][method] else set()
        assert guarded <= set(answers), path
        assert "default" not in answers, path
        assert {"400", "503"} <= set(answers), path


def test_every_operation_is_described(http):
    document = http.get("/v1/openapi.json").json()
    for path, item in document["paths"].items():
        if path.startswith("/v1/probe/"):
            continue
        for method, operation in item.items():
            assert operation["description"], path
            assert operation["summary"], path
            for parameter in operation.get("parameters", ()):
                place = f"{method} {path} {parameter['name']}"
                assert parameter.get("description"), place
                assert is_bounded(parameter["schema"]), place


def is_bounded(schema):
    """Whether a schema says how long, how large or which."""
    if schema["type"] == "string":
        return bool({"maxLength", "enum", "format"} & set(schema))
    return schema["type"] == "boolean" or "minimum" in schema


def test_a_problem_is_described_with_its_headers(http):
    described = http.get("/v1/openapi.json").json()["components"]["responses"]
    assert described["Unauthorized"]["headers"]["WWW-Authenticate"]["required"]
    limited = described["TooManyRequests"]["headers"]
    assert {name for name, header in limited.items() if header["required"]} == {
        "X-Request-Id",
        "Retry-After",
        "RateLimit-Limit",
        "RateLimit-Remaining",
        "RateLimit-Reset",
    }
    assert not described["Unavailable"]["headers"]["Retry-After"]["required"]


def test_the_document_names_the_scope_of_each_guarded_route(http):
    document = http.get("/v1/openapi.json").json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["paths"]["/v1/clients"]["get"]["security"] == [{"bearer": ["admin"]}]
    writers = [{"bearer": ["events:write"]}, {"write_key": []}]
    assert document["paths"]["/v1/events"]["post"]["security"] == writers
    assert "security" not in document["paths"]["/healthz"]["get"]


def test_bodies_that_a_handler_reads_itself_are_described(http):
    document = http.get("/v1/openapi.json").json()
    body = document["paths"]["/v1/probe/hot"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Probe"}
    assert document["components"]["schemas"]["Probe"]["properties"]["text"] == {"type": "string"}
    token = document["paths"]["/v1/token"]["post"]["requestBody"]["content"]
    assert set(token) == {"application/json", "application/x-www-form-urlencoded"}


def test_the_page_needs_no_other_site(http):
    answer = http.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"(https?:)?//[a-z]", answer.text)
    assert "v1/openapi.json" in answer.text
