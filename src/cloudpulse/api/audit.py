"""Writes entries of the audit log for routes."""

from typing import Any

from litestar import Request
from msgspec import UNSET, UnsetType

from cloudpulse.events import times
from cloudpulse.ports import AuditEntry

UNKNOWN = "unknown"
"""An actor or subject that is not proven. What was typed is not written: it may be a secret in the wrong field."""


def audit(
    request: Request[Any, Any, Any],
    action: str,
    subject: str,
    outcome: str = "done",
    actor: str | None = None,
    left_out: int | UnsetType = UNSET,
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
        left_out=left_out,
    )
    services.audit.append(entry)


def audit_refusal(request: Request[Any, Any, Any], action: str, subject: str) -> None:
    """Write that somebody was refused; in a flood of them, only now and then and how many there were. Blocks, too."""
    left_out = request.app.state.services.sign_ins.left_out(subject)
    if left_out is not None:
        audit(request, action, subject, "refused", actor=UNKNOWN, left_out=left_out or UNSET)
