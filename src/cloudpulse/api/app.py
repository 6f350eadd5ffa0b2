"""The HTTP application: all routes in one frame."""

from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from cloudpulse.api.activity import activity_routes
from cloudpulse.api.alarms import alarm_routes
from cloudpulse.api.clients import client_routes
from cloudpulse.api.concurrency import ConcurrencyLimit
from cloudpulse.api.dashboard import Dashboard, dashboard_routes
from cloudpulse.api.dead_letters import dead_letter_routes
from cloudpulse.api.docs import UnionRows, docs_routes, openapi_config
from cloudpulse.api.erase import erase_routes
from cloudpulse.api.errors import render
from cloudpulse.api.event_list import event_list_routes
from cloudpulse.api.event_stream import EventStreams, event_stream_routes
from cloudpulse.api.frame import Frame
from cloudpulse.api.health import health_routes
from cloudpulse.api.health_history import health_history_routes
from cloudpulse.api.ingest import ingest_routes
from cloudpulse.api.jobs import job_routes
from cloudpulse.api.ledger import ledger_routes
from cloudpulse.api.lookup import lookup_routes
from cloudpulse.api.query import query_routes
from cloudpulse.api.realtime import realtime_routes
from cloudpulse.api.reconciliation import reconciliation_routes
from cloudpulse.api.rotate import rotate_routes
from cloudpulse.api.sign_in import sign_in_routes
from cloudpulse.api.sql import sql_routes
from cloudpulse.api.summaries import summary_routes
from cloudpulse.api.token import token_routes
from cloudpulse.api.users import user_routes
from cloudpulse.api.well_known import well_known_routes
from cloudpulse.api.workflows import workflow_routes
from cloudpulse.api.write_keys import write_key_routes

BUSY = "Too many statements run or wait at this moment. Try again."

ROUTES: list[ControllerRouterHandler] = [
    *ingest_routes,
    *lookup_routes,
    *event_list_routes,
    *event_stream_routes,
    *activity_routes,
    *query_routes,
    *sql_routes,
    *realtime_routes,
    *token_routes,
    *sign_in_routes,
    *well_known_routes,
    *client_routes,
    *user_routes,
    *write_key_routes,
    *rotate_routes,
    *ledger_routes,
    *reconciliation_routes,
    *dead_letter_routes,
    *erase_routes,
    *job_routes,
    *workflow_routes,
    *summary_routes,
    *alarm_routes,
    *health_history_routes,
    *health_routes,
    *docs_routes,
    *dashboard_routes,
]


def create_app(services: Any) -> Litestar:
    """The application over ``services``, which its handlers find at ``request.app.state.services``."""
    state = {
        "services": services,
        "hashing": ConcurrencyLimit(),
        "statements": ConcurrencyLimit(BUSY),
        "event_streams": EventStreams(services),
        "dashboard": Dashboard(),
    }
    app = Litestar(
        ROUTES,
        state=State(state),
        exception_handlers={HTTPException: render, Exception: render},
        openapi_config=openapi_config,
        plugins=[UnionRows()],
        request_max_body_size=services.settings.max_body_bytes,
        logging_config=None,
    )
    app.asgi_handler = Frame(app)
    return app
