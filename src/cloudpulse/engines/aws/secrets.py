"""Secrets in AWS Secrets Manager: one secret per name, whose value is JSON with all versions that are still valid.

Secrets Manager's own versions would not do: besides the current one it keeps a single former one, and none has an end.
They serve for the atomic step instead: the next value is stored aside, and becomes ``AWSCURRENT`` only where the one
that it was made from still is.
"""

import secrets as random
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import uuid4

import msgspec
from botocore.exceptions import ClientError

from cloudpulse.engines.aws.clients import client, code_of, translated
from cloudpulse.engines.aws.dynamo import RIVAL_TRIES, pauses
from cloudpulse.ports import SecretVersion

CURRENT = "AWSCURRENT"
NEXT = "CLOUDPULSE_NEXT"
"""The stage of a value that is on its way."""

_UNKNOWN = "ResourceNotFoundException"
_RIVALS = frozenset({"ResourceExistsException", "InvalidParameterException", "InvalidRequestException"})
"""What is said when somebody else was faster, also in removing."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[SecretVersion]).decode

Change = Callable[[list[SecretVersion]], list[SecretVersion] | None]


class _Stored(NamedTuple):
    id: str
    versions: list[SecretVersion]


class SecretsManagerSecrets:
    """The port ``Secrets``; any number of processes may write.

    AWS keeps the value before the last change, and what it held, until the next one, and others for a day or so.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def names(self, prefix: str = "") -> list[str]:
        """Names that begin with ``prefix``, sorted; those of the last seconds may be missing."""
        whole = self._prefix + prefix
        filters = [{"Key": "name", "Values": [whole]}] if whole else []
        with translated():
            pages = list(client("secretsmanager").get_paginator("list_secrets").paginate(Filters=filters))
        found = (secret["Name"] for page in pages for secret in page["SecretList"])
        return sorted(name.removeprefix(self._prefix) for name in found if name.startswith(whole))

    def versions(self, name: str, now: int) -> list[SecretVersion]:
        """The valid versions, the current one first; empty when there is none."""
        with translated():
            stored = self._read(name)
        return [version for version in stored.versions if _is_valid(version, now)] if stored else []

    def put(
        self, name: str, value: str, now: int, keep_previous_seconds: int = 0, end_older: bool = False
    ) -> SecretVersion:
        """Make ``value`` the current version; those before stay valid for ``keep_previous_seconds`` at most."""
        secret = SecretVersion(version=random.token_hex(8), value=value, created_at=now)

        def change(versions: list[SecretVersion]) -> list[SecretVersion]:
            kept = versions[:1] if end_older else versions
            return [secret, *_retired(kept, now, now + keep_previous_seconds)]

        self._change(name, change)
        return secret

    def amend(self, name: str, value: str) -> bool:
        """Change the value of the current version and nothing else; False when there is none."""

        def change(versions: list[SecretVersion]) -> list[SecretVersion] | None:
            if not versions:
                return None
            return [msgspec.structs.replace(versions[0], value=value), *versions[1:]]

        return self._change(name, change)

    def remove(self, name: str) -> bool:
        """Forget all versions; False when there were none."""
        with translated():
            if self._read(name) is None:
                return False
            client("secretsmanager").delete_secret(SecretId=self._prefix + name, ForceDeleteWithoutRecovery=True)
        return True

    def expire(self, now: int) -> int:
        """Forget the versions of all names that have ended; returns how many there were."""
        return sum(self._expire(name, now) for name in self.names())

    def _expire(self, name: str, now: int) -> int:
        ended: list[SecretVersion] = []

        def change(versions: list[SecretVersion]) -> list[SecretVersion] | None:
            ended[:] = [version for version in versions if not _is_valid(version, now)]
            return [version for version in versions if _is_valid(version, now)] if ended else None

        self._change(name, change)
        return len(ended)

    def _change(self, name: str, change: Change) -> bool:
        """Replace all versions by what ``change`` makes of them, in one atomic step; False where that is None."""
        ours: set[str] = set()
        with translated():
            for left in pauses(RIVAL_TRIES):
                stored = self._read(name)
                # A try may take effect whose answer is lost, so that the SDK's next one is refused.
                if stored and stored.id in ours:
                    return True
                versions = change(stored.versions if stored else [])
                if versions is None:
                    return False
                ours.add(made := str(uuid4()))
                try:
                    self._store(self._prefix + name, _encode(versions).decode(), made, stored)
                    return True
                except ClientError as exc:
                    if not left or code_of(exc) not in _RIVALS:
                        raise
        return False

    def _read(self, name: str) -> _Stored | None:
        try:
            answer = client("secretsmanager").get_secret_value(SecretId=self._prefix + name, VersionStage=CURRENT)
        except ClientError as exc:
            if code_of(exc) in (_UNKNOWN, "InvalidRequestException"):  # the second one is about to be deleted
                return None
            raise
        return _Stored(answer["VersionId"], _decode(answer["SecretString"]))

    def _store(self, secret_id: str, text: str, made: str, before: _Stored | None) -> None:
        manager = client("secretsmanager")
        aside = {"SecretId": secret_id, "SecretString": text, "ClientRequestToken": made, "VersionStages": [NEXT]}
        if before is None:
            try:
                manager.create_secret(Name=secret_id, SecretString=text, ClientRequestToken=made)
            except ClientError as exc:
                if code_of(exc) == "ResourceExistsException":  # one that has no value yet makes its first one current
                    manager.put_secret_value(**aside)
                raise
        else:
            manager.put_secret_value(**aside)
            manager.update_secret_version_stage(
                SecretId=secret_id, VersionStage=CURRENT, MoveToVersionId=made, RemoveFromVersionId=before.id
            )


def _is_valid(version: SecretVersion, now: int) -> bool:
    return version.expires_at is None or version.expires_at > now


def _retired(versions: Sequence[SecretVersion], now: int, end: int) -> list[SecretVersion]:
    """Versions that end at ``end`` at the latest, those that end last first, without what has ended."""
    ending = (msgspec.structs.replace(version, expires_at=min(end, version.expires_at or end)) for version in versions)
    return sorted((v for v in ending if _is_valid(v, now)), key=lambda v: -(v.expires_at or 0))
