"""New signing secrets on demand."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.params import QueryParameter

from cloudpulse.api.audit import audit
from cloudpulse.api.guards import ADMIN
from cloudpulse.auth.rotation import SigningRotation


@post("/v1/rotate", guards=ADMIN, status_code=200, sync_to_thread=True)
def rotate_signing(
    request: Request[Any, Any, Any],
    end_previous: Annotated[bool, QueryParameter(description="End all tokens that are out, too.")] = False,
) -> SigningRotation:
    """Sign tokens with new secrets from now on; those before stay valid until the longest token has ended."""
    done: SigningRotation = request.app.state.services.rotation.rotate_signing(end_previous)
    for name in done.rotated:
        audit(request, "signing_rotated", name)
    return done


rotate_routes = [rotate_signing]
