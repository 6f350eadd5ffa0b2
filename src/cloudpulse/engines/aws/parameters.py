"""Settings from the SSM Parameter Store: ``<path>/<setting>``, those that are secret as SecureString."""

import msgspec

from cloudpulse.engines.aws.clients import client, translated
from cloudpulse.errors import SettingError
from cloudpulse.settings import ENV_PREFIX, SECRET, Settings


def read(path: str) -> dict[str, str]:
    """The parameters right under a path, as the environment would have them, for ``settings.load(environ=…)``.

    Raises ``SettingError`` for a name that is no setting, and for a secret that lies there in the clear.
    """
    with translated():
        paginator = client("ssm").get_paginator("get_parameters_by_path")
        pages = list(paginator.paginate(Path=path, Recursive=False, WithDecryption=True))
    found = [parameter for page in pages for parameter in page["Parameters"]]
    return dict(_setting(parameter["Name"], parameter["Type"], parameter["Value"]) for parameter in found)


def _setting(parameter: str, kind: str, value: str) -> tuple[str, str]:
    name = parameter.rpartition("/")[2]
    if name not in {field.name for field in msgspec.structs.fields(Settings)}:
        raise SettingError(f"bad setting: {parameter} is none. docs/settings.md says which there are.")
    if name in SECRET and kind != "SecureString":
        raise SettingError(f"bad setting: {parameter} must be a SecureString, for it is secret.")
    return ENV_PREFIX + name.upper(), value
