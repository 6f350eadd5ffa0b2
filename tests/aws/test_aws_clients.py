"""AWS's errors as sentences of ours."""

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from cloudpulse.engines.aws.clients import client, translated
from cloudpulse.errors import StoreError


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("ExpiredTokenException", "credentials of this process.*renew them"),
        ("AccessDeniedException", "may not call GetItem.*grant it"),
        ("ResourceNotFoundException", "check the aws_ settings"),
        ("ProvisionedThroughputExceededException", "throttles GetItem"),
        ("InternalServerError", "refused GetItem"),
    ],
)
def test_each_kind_of_refusal_says_what_to_do_and_nothing_of_what_was_sent(code, sentence):
    refusal = ClientError({"Error": {"Code": code, "Message": "something that was sent"}}, "GetItem")
    with pytest.raises(StoreError, match=sentence) as raised, translated():
        raise refusal
    assert raised.value.__cause__ is refusal
    assert "something that was sent" not in str(raised.value)


@pytest.mark.parametrize("error", [ReadTimeoutError(endpoint_url="http://there"), NoCredentialsError()])
def test_no_answer_at_all_is_an_error_of_a_store_too(error):
    with pytest.raises(StoreError), translated():
        raise error


def test_a_refusal_over_http_is_translated(cloud):
    with pytest.raises(StoreError, match="check the aws_ settings"), translated():
        client("dynamodb").describe_table(TableName="nothing")


def test_a_service_has_one_client(cloud):
    assert client("dynamodb") is client("dynamodb")
