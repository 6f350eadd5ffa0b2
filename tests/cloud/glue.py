"""A model of what moto's Glue lacks: an update of a table that somebody else has changed is refused."""

import threading

from moto.core.responses import ActionResult
from moto.glue.exceptions import GlueClientError
from moto.glue.responses import GlueResponse

_turn = threading.Lock()
_update_table = GlueResponse.update_table


class ConcurrentModificationException(GlueClientError):
    def __init__(self) -> None:
        super().__init__("ConcurrentModificationException", "Update table failed due to concurrent modifications.")


def update_table(self: GlueResponse) -> ActionResult:
    """Moto's own takes no notice of ``VersionId``, so of two rival commits the second takes the first one back."""
    with _turn:
        table = self.glue_backend.get_table(self.parameters["DatabaseName"], self.parameters["TableInput"]["Name"])
        if self.parameters.get("VersionId") not in (None, table.as_dict()["VersionId"]):
            raise ConcurrentModificationException
        return _update_table(self)


def install() -> None:
    """Put the model into moto."""
    GlueResponse.update_table = update_table
