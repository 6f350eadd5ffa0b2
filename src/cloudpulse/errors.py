"""Every error that CloudPulse raises on purpose: a code, an HTTP status, and a sentence that says what to do.

``UserError`` and below are the caller's to mend; ``ServiceError`` and below are ours.
"""

from typing import NamedTuple


class Quota(NamedTuple):
    """Where a caller stands: requests a minute, how many are left, and seconds until all and until one are there."""

    limit: int
    remaining: int
    reset_seconds: int
    retry_after_seconds: int = 0


class CloudPulseError(Exception):
    """The root of the tree; ``str(error)`` is a sentence for people."""

    code = "internal_error"
    status = 500
    title = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UserError(CloudPulseError):
    """The request or command is wrong; repeating it unchanged will not help."""

    code = "bad_request"
    status = 400
    title = "Bad request"


class InvalidParameter(UserError):
    """A query parameter or option has a value that is not allowed."""

    code = "invalid_parameter"
    title = "Invalid parameter"


class Unauthorized(UserError):
    """There is no token, or it is not valid (any more)."""

    code = "unauthorized"
    status = 401
    title = "Unauthorized"


class TokenMissing(Unauthorized):
    """There is no token where one is needed."""


class TokenExpired(Unauthorized):
    """The token was valid once."""


class InvalidClient(Unauthorized):
    """The client id or the secret is wrong."""

    code = "invalid_client"
    title = "Invalid client"


class InvalidTokenRequest(UserError):
    """A request for a token is not one; its code and those of the next two are OAuth's (RFC 6749, 5.2)."""

    code = "invalid_request"
    title = "Invalid token request"


class UnsupportedGrantType(UserError):
    """A token is asked for in a way that is not offered."""

    code = "unsupported_grant_type"
    title = "Unsupported grant type"


class InvalidScope(UserError):
    """A token is asked for that may do more than its client."""

    code = "invalid_scope"
    title = "Invalid scope"


class InvalidCredentials(Unauthorized):
    """The e-mail address or the password is wrong, or the sign-in has ended."""

    code = "invalid_credentials"
    title = "Invalid credentials"


class SessionReused(InvalidCredentials):
    """A refresh token was used twice: somebody else may have it, so the sign-in of ``user_id`` has ended."""

    def __init__(self, detail: str, user_id: str) -> None:
        super().__init__(detail)
        self.user_id = user_id


class RateLimited(UserError):
    """The caller is over its rate; ``quota`` says when to come again."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, quota: Quota) -> None:
        super().__init__(detail)
        self.quota = quota


class Forbidden(UserError):
    """The token is valid but lacks the scope."""

    code = "forbidden"
    status = 403
    title = "Forbidden"


class NotFound(UserError):
    """There is no such thing."""

    code = "not_found"
    status = 404
    title = "Not found"


class Conflict(UserError):
    """The request contradicts one that was made before."""

    code = "conflict"
    status = 409
    title = "Conflict"


class TooLarge(UserError):
    """The request is larger than the limit, as sent or when inflated."""

    code = "too_large"
    status = 413
    title = "Payload too large"


class UnsupportedMedia(UserError):
    """The content type or the content encoding is not one that we read."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"


class QueryCancelled(UserError):
    """Nobody waits for the answer any more."""

    code = "query_cancelled"
    status = 499
    title = "Query cancelled"


class SettingError(UserError):
    """A setting has a value that is not allowed; the sentence names it."""

    code = "invalid_setting"
    title = "Invalid setting"


class DataFolderBusy(UserError):
    """Another process holds the data folder."""

    code = "data_folder_busy"
    status = 409
    title = "Data folder busy"


class ServiceError(CloudPulseError):
    """Our fault, or our machine's."""


class Overloaded(ServiceError):
    """The request was not accepted, nothing of it was kept, and trying again later is right."""

    code = "overloaded"
    status = 503
    title = "Overloaded"

    def __init__(self, detail: str, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class DiskFull(Overloaded):
    """There is no space left for the journal; consumers may still drain it."""

    code = "disk_full"


class NotReady(ServiceError):
    """The process lives but makes no progress; the sentence says why."""

    code = "not_ready"
    status = 503
    title = "Not ready"


class QueryTimeout(ServiceError):
    """A statement ran into its time limit."""

    code = "query_timeout"
    status = 504
    title = "Query timeout"


class StoreError(ServiceError):
    """A store refused a read or a write."""

    code = "store_error"
    status = 503
    title = "Store error"


class LogTrimmed(ServiceError):
    """Rows that the reader asked for were trimmed meanwhile: read the snapshot again and start over."""

    code = "log_trimmed"
    status = 503
    title = "Log trimmed"


class NotDelivered(ServiceError):
    """A message was not taken by the one whom it is for; it is tried again."""

    code = "not_delivered"
