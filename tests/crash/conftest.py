import pytest

pytest.register_assert_rewrite("crash_harness")
