"""Moto's server in this process, reached over HTTP as AWS is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer

from cloud import dynamodb, glue, secretsmanager
from cloud.faults import Faults

REGION = "eu-central-1"
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
}
"""What an SDK is told besides the address."""

FAULTS = Faults()
"""What fails of this process's server, and what it is asked."""


@contextmanager
def running() -> Iterator[str]:
    """The address of a server that runs meanwhile, which this process and its children find in their environment."""
    dynamodb.install()
    glue.install()
    secretsmanager.install()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    assert server._server is not None
    server._server.app = FAULTS.in_front_of(server._server.app)
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    before = {name: os.environ.get(name) for name in (*ENVIRON, "AWS_ENDPOINT_URL")}
    os.environ.update(ENVIRON, AWS_ENDPOINT_URL=url)
    try:
        yield url
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        server.stop()
