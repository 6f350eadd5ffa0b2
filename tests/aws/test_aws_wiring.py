"""The stores of the aws engine by settings."""

import pytest

from cloudpulse.errors import SettingError
from cloudpulse.settings import Settings
from cloudpulse.wiring import aws


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (aws.counters, "aws_counters_table"),
        (aws.records, "aws_records_table"),
        (aws.jobs, "aws_records_table"),
        (aws.executions, "aws_records_table"),
        (aws.secrets, "aws_secrets_prefix"),
        (aws.audit_log, "aws_bucket"),
    ],
)
def test_a_store_whose_setting_is_empty_is_refused_by_name(make, setting):
    with pytest.raises(SettingError, match=f"{setting} is empty"):
        make(Settings())
    assert make(Settings(**{setting: "somewhere"}))
