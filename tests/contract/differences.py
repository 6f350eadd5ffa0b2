"""Where an engine cannot promise what the others do: it says so, and a gap that is closed is noticed."""

import pytest


def not_on_aws(port: str, reason: str) -> pytest.MarkDecorator:
    """The test with this port's fixture fails on aws."""
    aws = pytest.param("aws", marks=pytest.mark.xfail(strict=True, reason=reason))
    return pytest.mark.parametrize(port, ["local", aws], indirect=True)
