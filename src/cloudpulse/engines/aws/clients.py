"""Clients of AWS services, and AWS's errors as ours."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from cloudpulse.errors import StoreError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_CREATING = threading.Lock()

CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
MISSING = frozenset(
    {"NoSuchBucket", "ResourceNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}
)
THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes of errors, as the services spell them."""


@cache
def client(service: str, read_seconds: int = 10, attempts: int = 3) -> Any:
    """The client of a service that all threads share; it gives up soon, after so many tries of a call in all."""
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=2, read_timeout=read_seconds, retries=retries)
    with _CREATING:  # boto3's session may not be used by two threads at once, its clients may
        return boto3.client(service, config=config)


def code_of(error: "ClientError") -> str:
    """What the service calls the error, or the first one that ended a transaction."""
    reasons = (str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ()))
    return next((code for code in reasons if code != "None"), "") or str(
        error.response.get("Error", {}).get("Code", "")
    )


@contextmanager
def translated() -> Iterator[None]:
    """Raise ``StoreError`` for whatever the SDK raises; it names the call and the code, nothing that was sent."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except ClientError as exc:
        raise StoreError(_sentence(exc.operation_name, code_of(exc))) from exc
    except NoCredentialsError as exc:
        raise StoreError("This process has no AWS credentials: give it a role.") from exc
    except BotoCoreError as exc:
        raise StoreError(f"AWS did not answer ({type(exc).__name__}); try again.") from exc


def _sentence(operation: str, code: str) -> str:
    if code in CREDENTIALS:
        return f"AWS does not accept the credentials of this process ({operation}: {code}): renew them."
    if code in DENIED:
        return f"The role of this process may not call {operation} ({code}): grant it in its policy."
    if code in MISSING:
        return f"{operation} names something that AWS does not have ({code}): check the aws_ settings."
    if code in THROTTLED:
        return f"AWS throttles {operation} ({code}); try again later."
    return f"AWS refused {operation} ({code}); try again."
