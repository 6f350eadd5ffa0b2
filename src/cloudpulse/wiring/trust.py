"""Wiring of identity: keys, tokens, people, clients. Heavy imports wait until they are used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cloudpulse.settings import Settings
from cloudpulse.wiring import AUDIT_FILE, open_folder

if TYPE_CHECKING:
    from cloudpulse.auth.clients import ClientService
    from cloudpulse.auth.record_signing import RecordSigner
    from cloudpulse.auth.rotation import Rotation
    from cloudpulse.auth.sessions import SessionService
    from cloudpulse.auth.tokens import TokenService
    from cloudpulse.auth.user_tokens import UserTokens
    from cloudpulse.auth.users import UserService
    from cloudpulse.auth.verify import Verifier
    from cloudpulse.auth.write_keys import WriteKeyService
    from cloudpulse.engines.local.secrets import SqliteSecrets
    from cloudpulse.ports import AuditLog

SECRETS_FILE = "secrets.db"
CLIENT_SECRETS_FOLDER = "client-secrets"


def local_secrets(settings: Settings) -> SqliteSecrets:
    """The secrets of a data folder, which is made when it is missing."""
    from cloudpulse.engines.local.secrets import SqliteSecrets

    open_folder(settings.data)
    return SqliteSecrets(settings.data / SECRETS_FILE)


def local_audit(settings: Settings) -> AuditLog:
    """The audit log of a data folder."""
    from cloudpulse.engines.local.audit_log import FileAuditLog

    return FileAuditLog(settings.data / AUDIT_FILE)


def local_tokens(settings: Settings) -> TokenService:
    """Issues the tokens of clients with the signing secret of a data folder."""
    from cloudpulse.auth.tokens import TokenService

    return TokenService(local_secrets(settings), settings, time.time)


def local_user_tokens(settings: Settings) -> UserTokens:
    """Issues the tokens of people with the private key of a data folder."""
    from cloudpulse.auth.user_tokens import UserTokens

    return UserTokens(local_secrets(settings), settings, time.time)


def record_signer(settings: Settings) -> RecordSigner:
    """Signs records with a key of a data folder."""
    from cloudpulse.auth.record_signing import RecordSigner

    return RecordSigner(local_secrets(settings), time.time)


def verifier(settings: Settings, tokens: TokenService, user_tokens: UserTokens) -> Verifier:
    """Verifies the tokens of all issuers that count here."""
    from cloudpulse.auth.oidc import OidcIssuer
    from cloudpulse.auth.verify import Verifier

    others = [OidcIssuer(settings.oidc_issuer, settings.oidc_audience)] if settings.oidc_issuer else []
    return Verifier([tokens, user_tokens, *others], time.time)


def local_clients(settings: Settings) -> ClientService:
    """The API clients of a data folder."""
    from cloudpulse.auth.clients import ClientService

    return ClientService(local_secrets(settings), time.time)


def local_write_keys(settings: Settings) -> WriteKeyService:
    """The write keys of a data folder."""
    from cloudpulse.auth.write_keys import WriteKeyService

    return WriteKeyService(local_secrets(settings), time.time)


def local_users(settings: Settings) -> UserService:
    """The users of a data folder."""
    from cloudpulse.auth.users import UserService

    return UserService(local_secrets(settings), time.time)


def local_sessions(settings: Settings) -> SessionService:
    """The sign-ins of a data folder that last."""
    from cloudpulse.auth.sessions import SessionService

    return SessionService(local_secrets(settings), settings.session_days, time.time)


def local_rotation(settings: Settings, clients: ClientService) -> Rotation:
    """Renews the secrets of a data folder."""
    from cloudpulse.auth.rotation import Rotation
    from cloudpulse.auth.secret_files import SecretFiles
    from cloudpulse.auth.tokens import SIGNING_SECRET
    from cloudpulse.auth.user_tokens import USER_SIGNING_SECRET

    return Rotation(
        settings,
        local_secrets(settings),
        {SIGNING_SECRET: local_tokens(settings), USER_SIGNING_SECRET: local_user_tokens(settings)},
        clients,
        local_sessions(settings),
        SecretFiles(settings.data / CLIENT_SECRETS_FOLDER),
        local_audit(settings),
        time.time,
    )
