"""A model of what moto's Secrets Manager lacks: calls that are one step each."""

from threading import RLock
from typing import Any

from moto.secretsmanager.responses import SecretsManagerResponse

_step = RLock()
_call_action = SecretsManagerResponse.call_action


def call_action(self: SecretsManagerResponse) -> Any:
    """Moto reads and writes in several steps, with those of other threads between them."""
    with _step:
        return _call_action(self)


def install() -> None:
    """Put the model into moto."""
    SecretsManagerResponse.call_action = call_action
