"""The OpenAPI 3.1 document, generated from the route handlers, and a page that shows it without any other site."""

import re
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, Schema, SecurityScheme
from litestar.plugins import OpenAPISchemaPlugin
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

import cloudpulse
from cloudpulse.api import problem_docs
from cloudpulse.api.errors import Problem
from cloudpulse.api.guards import ScopeGuard
from cloudpulse.api.sign_in import COOKIE

SCHEMA_REF = "#/components/schemas/{name}"
PAGE = files("cloudpulse.api").joinpath("docs.html").read_bytes()
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
}


class _Page(OpenAPIRenderPlugin):
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return PAGE

    def receive_router(self, router: Router) -> None:
        # Litestar adds its unfinished document and an HTML page for everything unknown.
        router.routes = []


class UnionRows(OpenAPISchemaPlugin):
    """Schemas of answers whose rows are of several structs: msgspec writes such unions, but does not inspect them."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        """Whether litestar, which asks msgspec, would fail."""
        try:
            msgspec.inspect.type_info(value)
        except TypeError:
            return isinstance(value, type) and issubclass(value, msgspec.Struct)
        return False

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        """An object with the fields of the struct."""
        fields = msgspec.structs.fields(field_definition.annotation)
        schema: Schema = schema_creator.create_component_schema(
            field_definition,
            required=sorted(field.encode_name for field in fields if field.required),
            property_fields={
                field.encode_name: FieldDefinition.from_annotation(field.type, name=field.encode_name)
                for field in fields
            },
        )
        return schema


openapi_config = OpenAPIConfig(
    title="CloudPulse",
    version=cloudpulse.__version__,
    path="/docs",
    render_plugins=[_Page(path="/")],
    use_handler_docstrings=True,
    components=Components(
        security_schemes={
            "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
            "write_key": SecurityScheme(type="apiKey", name="write_key", security_scheme_in="query"),
            COOKIE: SecurityScheme(type="apiKey", name=COOKIE, security_scheme_in="cookie"),
        }
    ),
)


def document(app: Litestar) -> dict[str, Any]:
    """The document of all routes of ``app``."""
    result = app.openapi_schema.to_schema()
    (problem,), schemas = msgspec.json.schema_components([Problem], ref_template=SCHEMA_REF)
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.resolve_include_in_schema():
                    for method in handler.http_methods:
                        operation = result["paths"][route.path_format][method.lower()]
                        _complete(operation, handler, schemas)
                        problem_docs.add(operation, handler.opt.get("problems", ()), problem)
    result["components"].setdefault("schemas", {}).update(schemas)
    result["components"]["responses"] = problem_docs.responses(problem)
    return result


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, schemas: dict[str, Any]) -> None:
    """Add what litestar cannot know: who may call it, and a body that is read by hand; leave out what it guesses."""
    if 400 not in (handler.responses or {}):
        operation["responses"].pop("400", None)
    operation["summary"] = handler.summary or re.split(r"[.;,:]", operation["description"])[0]
    for answer in operation["responses"].values():
        if answer.get("content", {}).get("application/json", {}).get("schema") == {"type": "null"}:
            del answer["content"]
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    scopes = [guard.scope for guard in handler.resolve_guards() if isinstance(guard, ScopeGuard)]
    if scopes:
        write_key: list[dict[str, list[str]]] = [{"write_key": []}] if "events:write" in scopes else []
        operation["security"] = [{"bearer": scopes}, *write_key]
    if cookie := handler.opt.get("cookie"):
        operation["security"] = [{cookie: []}]
    if body := handler.opt.get("body"):
        bodies, components = msgspec.json.schema_components(body.values(), ref_template=SCHEMA_REF)
        schemas |= components
        content = {media_type: {"schema": schema} for media_type, schema in zip(body, bodies, strict=True)}
        operation["requestBody"] = {"required": True, "content": content}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that may be left out, which litestar describes as one that may be null."""
    one_of = schema.pop("oneOf", [])
    schema = {**schema, **next((one for one in one_of if one != {"type": "null"}), {})}
    if isinstance(schema["type"], list):
        schema["type"] = next(kind for kind in schema["type"] if kind != "null")
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if schema["type"] == "integer":  # its bounds are floats to litestar
        schema |= {name: int(schema[name]) for name in ("minimum", "maximum") if name in schema}
    return schema


@get("/v1/openapi.json", include_in_schema=False, media_type=MediaType.JSON, sync_to_thread=False)
def openapi(request: Request[Any, Any, Any]) -> bytes:
    """The OpenAPI document."""
    state = request.app.state
    if "openapi" not in state:
        state.openapi = msgspec.json.encode(document(request.app))
    return bytes(state.openapi)


@get("/docs", include_in_schema=False, sync_to_thread=False)
def page() -> Response[bytes]:
    """The document for people."""
    return Response(PAGE, media_type=MediaType.HTML, headers=PAGE_HEADERS)


docs_routes = [openapi, page]
