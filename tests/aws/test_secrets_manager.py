"""What the secrets in Secrets Manager promise beyond the port: rivals, lost answers, secrets that others made."""

from functools import partial
from uuid import uuid4

import boto3
import pytest

from cloud.faults import EXPIRED, TIME_OUT, throttle
from cloud.rivals import in_threads
from cloudpulse.engines.aws.secrets import SecretsManagerSecrets
from cloudpulse.errors import StoreError

NOW = 1_800_000_000


@pytest.fixture
def prefix(cloud: str) -> str:
    return f"{uuid4().hex}/"


@pytest.fixture
def secrets(prefix: str) -> SecretsManagerSecrets:
    return SecretsManagerSecrets(prefix)


def values(secrets: SecretsManagerSecrets, name: str = "signing", now: int = NOW) -> list[str]:
    return [version.value for version in secrets.versions(name, now)]


@pytest.mark.parametrize("known", [False, True])
def test_no_version_of_rivals_is_lost(secrets, known):
    if known:
        secrets.put("signing", "first", NOW)

    def write(writer: int) -> None:
        for number in range(3):
            secrets.put("signing", f"{writer}-{number}", NOW, keep_previous_seconds=60)

    in_threads([partial(write, writer) for writer in range(4)])
    written = {f"{writer}-{number}" for writer in range(4) for number in range(3)} | ({"first"} if known else set())
    assert sorted(values(secrets)) == sorted(written)


@pytest.mark.parametrize("operation", ["CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"])
@pytest.mark.parametrize("after", [False, True])
def test_a_version_is_made_once_when_an_answer_is_lost(secrets, faults, operation, after):
    if operation != "CreateSecret":
        secrets.put("signing", "one", NOW)
    faults.fail("secretsmanager", operation, TIME_OUT, after=after)
    secrets.put("signing", "two", NOW, keep_previous_seconds=60)
    assert faults.pending() == 0
    assert values(secrets) == (["two"] if operation == "CreateSecret" else ["two", "one"])


def test_a_change_that_never_becomes_current_leaves_all_as_it_was(secrets, faults):
    secrets.put("signing", "one", NOW)
    faults.fail("secretsmanager", "UpdateSecretVersionStage", TIME_OUT, times=3)
    with pytest.raises(StoreError, match="did not answer"):
        secrets.put("signing", "two", NOW, keep_previous_seconds=60)
    assert values(secrets) == ["one"]
    secrets.put("signing", "three", NOW, keep_previous_seconds=60)
    assert values(secrets) == ["three", "one"]


def test_a_secret_that_was_made_without_a_value_takes_one(secrets, prefix):
    boto3.client("secretsmanager").create_secret(Name=f"{prefix}signing")
    assert values(secrets) == []
    secrets.put("signing", "one", NOW)
    secrets.put("signing", "two", NOW, keep_previous_seconds=60)
    assert values(secrets) == ["two", "one"]


def test_more_names_than_one_page_has(secrets):
    names = [f"client/{number:03}" for number in range(130)]
    for name in names:
        secrets.put(name, "value", NOW)
    assert secrets.names("client/") == names


def test_installations_do_not_see_each_other(secrets, cloud):
    other = SecretsManagerSecrets(f"{uuid4().hex}/")
    secrets.put("signing", "one", NOW)
    assert (other.names(), values(other)) == ([], [])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(EXPIRED, "credentials.*renew them"), (throttle("secretsmanager"), "throttles GetSecretValue")],
)
def test_what_aws_refuses_is_a_sentence_without_the_secret(secrets, faults, error, sentence):
    faults.fail("secretsmanager", "GetSecretValue", error, times=1000)
    with pytest.raises(StoreError, match=sentence):
        secrets.versions("signing", NOW)
