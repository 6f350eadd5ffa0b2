"""Tokens of Cognito, as moto's server issues them."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cloudpulse.auth.oidc import OidcIssuer, fetch_small
from cloudpulse.auth.verify import Verifier
from cloudpulse.errors import Unauthorized
from oidc_server import verify

REGION = "eu-central-1"
PASSWORD = "Correct-Horse-7"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(scope="module")
def pool(endpoint) -> SimpleNamespace:
    """A pool with a group, a user in it, an app client, and the tokens of a sign-in."""
    cognito: Any = boto3.client(
        "cognito-idp", REGION, endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="x"
    )
    pool_id = cognito.create_user_pool(PoolName="pulse")["UserPool"]["Id"]
    app = cognito.create_user_pool_client(
        UserPoolId=pool_id, ClientName="dashboard", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    for group in ("events:read", "staff"):
        cognito.create_group(UserPoolId=pool_id, GroupName=group)
    cognito.admin_create_user(UserPoolId=pool_id, Username="anna")
    cognito.admin_set_user_password(UserPoolId=pool_id, Username="anna", Password=PASSWORD, Permanent=True)
    for group in ("events:read", "staff"):
        cognito.admin_add_user_to_group(UserPoolId=pool_id, Username="anna", GroupName=group)
    signed_in = cognito.initiate_auth(
        ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "anna", "PASSWORD": PASSWORD}
    )["AuthenticationResult"]
    user = cognito.admin_get_user(UserPoolId=pool_id, Username="anna")
    (sub,) = [one["Value"] for one in user["UserAttributes"] if one["Name"] == "sub"]
    return SimpleNamespace(
        issuer=f"https://cognito-idp.{REGION}.amazonaws.com/{pool_id}",
        local=f"{endpoint}/{pool_id}",
        app=app,
        sub=sub,
        access=signed_in["AccessToken"],
        id=signed_in["IdToken"],
    )


def trusting(pool: SimpleNamespace, audience: str) -> Verifier:
    """A verifier that finds moto's server where Cognito's would be."""

    def fetch(url: str) -> bytes:
        content = fetch_small(url.replace(pool.issuer, pool.local))
        return content.replace(pool.local.encode(), pool.issuer.encode())

    return Verifier([OidcIssuer(pool.issuer, audience, fetch)], time.time)


def test_the_access_token_of_a_user(pool):
    principal = verify(trusting(pool, pool.app), pool.access)
    assert (principal.client_id, principal.scopes) == (f"oidc/{pool.sub}", {"events:read"})


def test_the_id_token_is_refused(pool):
    verifier = trusting(pool, pool.app)
    verify(verifier, pool.access)
    with pytest.raises(Unauthorized, match="not an access token"):
        verify(verifier, pool.id)


def test_the_access_token_for_another_app_is_refused(pool):
    with pytest.raises(Unauthorized, match="somebody else"):
        verify(trusting(pool, "another-app"), pool.access)
