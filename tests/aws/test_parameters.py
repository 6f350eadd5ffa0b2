"""Settings from the Parameter Store."""

from uuid import uuid4

import boto3
import pytest

from cloud.faults import EXPIRED
from cloudpulse import settings
from cloudpulse.engines.aws import parameters
from cloudpulse.errors import SettingError, StoreError


@pytest.fixture
def path(cloud: str) -> str:
    return f"/cloudpulse/{uuid4().hex}"


def put(path: str, kind: str = "String", **values: str) -> None:
    for name, value in values.items():
        boto3.client("ssm").put_parameter(Name=f"{path}/{name}", Value=value, Type=kind)


def test_parameters_are_settings_and_the_environment_wins(path, tmp_path):
    put(path, token_ttl_seconds="600", lake_commit_seconds="5", alarm_thresholds="rejects=25,lake_lag=900")
    put(path, "SecureString", webhook_secret="of-nobody-else")
    put(path, "StringList", cors_origins="https://a.example,https://b.example")
    put(f"{path}-other", port="1")
    environ = parameters.read(path) | {"CLOUDPULSE_LAKE_COMMIT_SECONDS": "7", "CLOUDPULSE_DATA": str(tmp_path)}
    loaded = settings.load(environ=environ)
    assert (loaded.token_ttl_seconds, loaded.lake_commit_seconds, loaded.port) == (600, 7, 8080)
    assert (loaded.webhook_secret, loaded.alarm_thresholds) == ("of-nobody-else", {"rejects": 25.0, "lake_lag": 900.0})
    assert loaded.cors_origins == ("https://a.example", "https://b.example")


def test_an_empty_path_has_no_settings(path):
    assert parameters.read(path) == {}


def test_more_parameters_than_one_page_has(path, faults):
    names = [name for name in settings.Settings.__struct_fields__ if name not in settings.SECRET][:25]
    put(path, **dict.fromkeys(names, "1"))
    with faults.recorded() as requests:
        assert sorted(parameters.read(path)) == sorted(f"CLOUDPULSE_{name.upper()}" for name in names)
    assert len(requests) == 3


def test_a_name_that_is_no_setting_is_refused(path):
    put(path, lake_comit_seconds="5")
    with pytest.raises(SettingError, match=f"{path}/lake_comit_seconds is none"):
        parameters.read(path)


def test_a_secret_in_the_clear_is_refused_and_not_shown(path):
    put(path, webhook_secret="of-nobody-else")
    with pytest.raises(SettingError, match="webhook_secret must be a SecureString") as raised:
        parameters.read(path)
    assert "of-nobody-else" not in str(raised.value)


def test_credentials_that_have_ended_are_a_sentence(path, faults):
    faults.fail("ssm", "GetParametersByPath", EXPIRED)
    with pytest.raises(StoreError, match="renew them"):
        parameters.read(path)
