"""The dashboard: what ``vite build`` made, from memory, under a policy that lets a page run nothing but that.

Files are known by name before anybody asks, so that no path of a request is ever looked up on the disk.
"""

import asyncio
import gzip
import hashlib
import re
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter

from cloudpulse.api.guards import PATIENCE_SECONDS
from cloudpulse.auth.oidc import OidcIssuer
from cloudpulse.errors import NotFound

BUILD = files("cloudpulse").joinpath("dashboard")
PAGES = [
    "/",
    "/live",
    "/explore",
    "/explore/{view:path}",
    "/sql",
    "/operations",
    "/operations/{view:path}",
    "/callback",
]
"""The addresses of the page, which finds out itself what to show there."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src {origins}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
"""The names of assets hold a hash of what is in them."""

MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""Those of the machine may differ."""
PACKED_ALREADY = {"font/woff2"}
NEVER = re.compile(r"q=0(\.0*)?")

Asset = Annotated[str, PathParameter(max_length=200, description="The name of a file.")]


class File:
    """A file of the build, as it is and compressed."""

    def __init__(self, name: str, plain: bytes) -> None:
        self.plain = plain
        self.media_type = MEDIA_TYPES[PurePath(name).suffix]
        self.digest = hashlib.sha256(plain).hexdigest()[:16]

    @cached_property
    def packed(self) -> bytes:
        """The content as gzip, once for all who ask."""
        return gzip.compress(self.plain, mtime=0)


class Dashboard:
    """The files of a build, which are read when the first of them is asked for."""

    def __init__(self, build: Traversable = BUILD) -> None:
        self._build = build

    def page(self) -> File:
        """The one page; raises ``NotFound`` when there is no build."""
        if "index.html" not in self._files:
            raise NotFound("The dashboard has not been built: `make dashboard` builds it, and needs Node.js.")
        return self._files["index.html"]

    def asset(self, name: str) -> File | None:
        """What the page is made of."""
        return self._files.get(f"assets/{name}")

    @cached_property
    def _files(self) -> dict[str, File]:
        assets = self._build.joinpath("assets")
        found = {f"assets/{path.name}": path for path in (assets.iterdir() if assets.is_dir() else ())}
        found["index.html"] = self._build.joinpath("index.html")
        return {name: File(name, path.read_bytes()) for name, path in found.items() if path.is_file()}


@get(PAGES, include_in_schema=False)
async def show_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The dashboard."""
    file = await asyncio.to_thread(request.app.state.dashboard.page)
    policy = POLICY.format(origins=" ".join(("'self'", *await _origins(request.app.state.services))))
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy}
    # With the policy in it: a browser that has the page keeps the policy that came with it.
    version = hashlib.sha256(f"{file.digest} {policy}".encode()).hexdigest()[:16]
    return _answer(request, file, version, headers)


@get("/assets/{name:str}", include_in_schema=False, sync_to_thread=True)
def show_asset(request: Request[Any, Any, Any], name: Asset) -> Response[bytes]:
    """A file of the dashboard; its name changes with its content."""
    file = request.app.state.dashboard.asset(name)
    if file is None:
        raise NotFoundException
    return _answer(request, file, file.digest, FOR_EVER)


dashboard_routes = [show_page, show_asset]


def accepts_gzip(header: str) -> bool:
    """Whether ``Accept-Encoding`` names gzip, and not with the weight 0."""
    for part in header.lower().split(","):
        coding, *parameters = (text.strip() for text in part.split(";"))
        if coding == "gzip":
            return not any(NEVER.fullmatch(text) for text in parameters)
    return False


async def _origins(services: Any) -> tuple[str, ...]:
    """The origins of the issuer where people sign in, if they do not sign in here."""
    issuer = services.verifier.issuer(services.settings.oidc_issuer)
    if not services.settings.oidc_client_id or not isinstance(issuer, OidcIssuer):
        return ()
    if flight := issuer.refresh(services.now().timestamp()):
        await asyncio.wait([asyncio.wrap_future(flight)], timeout=PATIENCE_SECONDS)
    return issuer.web_origins()


def _answer(request: Request[Any, Any, Any], file: File, version: str, headers: dict[str, str]) -> Response[bytes]:
    headers = headers | {"ETag": f'W/"{version}"', "Vary": "Accept-Encoding"}
    if version in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if file.media_type in PACKED_ALREADY or not accepts_gzip(request.headers.get("accept-encoding", "")):
        return Response(file.plain, media_type=file.media_type, headers=headers)
    return Response(file.packed, media_type=file.media_type, headers=headers | {"Content-Encoding": "gzip"})
