"""Writes entries of the audit log for routes."""

from typing import Any

from litestar import Request

from cloudpulse.events import times
from cloudpulse.ports import AuditEntry

UNKNOWN = "unknown"
"""An actor or subject that is not proven. What was typed is not written: it may be a secret in the wrong field."""


def audit(
    request: Request[Any, Any, Any], action: str, subject: str, outcome: str = "done", actor: str | None = None
) -> None:
    """Write who did what to whom; the actor is the caller unless another is named. Blocks: call it in a thread."""
    services = request.app.state.services
    if actor is None:
        caller = request.auth.client_id
        actor = caller if "/" in caller else f"client/{caller}"
    entry = AuditEntry(
        at=times.rfc3339(services.now()),
        actor=actor,
        action=action,
        subject=subject,
        outcome=outcome,
        request_id=request.scope["state"]["request_id"],
    )
    services.audit.append(entry)
