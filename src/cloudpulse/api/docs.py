"""The OpenAPI 3.1 document, generated from the route handlers, and a page that shows it without any other site."""

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
from cloudpulse.api.errors import MEDIA_TYPE, Problem
from cloudpulse.api.guards import ScopeGuard

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
        security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
    ),
)


def document(app: Litestar) -> dict[str, Any]:
    """The document of all routes of ``app``."""
    result = app.openapi_schema.to_schema()
    bodies: dict[str, Any] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.resolve_include_in_schema():
                    for method in handler.http_methods:
                        _complete(result["paths"][route.path_format][method.lower()], handler, bodies)
    (problem,), schemas = msgspec.json.schema_components([Problem], ref_template=SCHEMA_REF)
    answer = {"description": "The request failed.", "content": {MEDIA_TYPE: {"schema": problem}}}
    result["components"].setdefault("schemas", {}).update(schemas | bodies)
    result["components"]["responses"] = {"Problem": answer}
    return result


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, bodies: dict[str, Any]) -> None:
    """Add what litestar cannot know: the scope of the guard, the problem answer, a body that is read by hand."""
    if 400 not in (handler.responses or {}):
        operation["responses"].pop("400", None)
    operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    scopes = [guard.scope for guard in handler.resolve_guards() if isinstance(guard, ScopeGuard)]
    if scopes:
        operation["security"] = [{"bearer": scopes}]
    if body := handler.opt.get("body"):
        schemas, components = msgspec.json.schema_components(body.values(), ref_template=SCHEMA_REF)
        bodies |= components
        content = {media_type: {"schema": schema} for media_type, schema in zip(body, schemas, strict=True)}
        operation["requestBody"] = {"required": True, "content": content}


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
