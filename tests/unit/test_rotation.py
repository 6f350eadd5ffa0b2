"""Old secrets are renewed while they still count, and what has ended goes."""

import json

import pytest

from cloudpulse.auth.clients import ClientService
from cloudpulse.auth.rotation import Rotation, is_due
from cloudpulse.auth.secret_files import SecretFiles
from cloudpulse.auth.sessions import SessionService
from cloudpulse.auth.tokens import TokenService
from cloudpulse.auth.user_tokens import UserTokens
from cloudpulse.auth.verify import Verifier
from cloudpulse.engines.local.audit_log import FileAuditLog
from cloudpulse.engines.local.secrets import SqliteSecrets
from cloudpulse.errors import InvalidClient, Unauthorized
from cloudpulse.settings import Settings

NOW = 1_800_000_000
DAY = 86_400


class Crash(BaseException):
    """The process ends here."""


class World:
    """All that the rotation works on, in one folder."""

    def __init__(self, folder, **settings) -> None:
        self.now = NOW
        self.folder = folder
        self.settings = Settings(data=folder, **settings)
        self.secrets = SqliteSecrets(folder / "secrets.db")
        self.tokens = TokenService(self.secrets, self.settings, self.clock)
        self.user_tokens = UserTokens(self.secrets, self.settings, self.clock)
        self.verifier = Verifier([self.tokens, self.user_tokens], self.clock)
        self.clients = ClientService(self.secrets, self.clock)
        self.sessions = SessionService(self.secrets, self.settings.session_days, self.clock)
        self.files = SecretFiles(folder / "client-secrets")
        signers = {"signing": self.tokens, "user_signing": self.user_tokens}
        audit = FileAuditLog(folder / "audit.ndjson")
        self.rotation = Rotation(
            self.settings, self.secrets, signers, self.clients, self.sessions, self.files, audit, self.clock
        )

    def clock(self) -> float:
        return self.now

    def noted(self) -> list[tuple[str, str]]:
        path = self.folder / "audit.ndjson"
        entries = map(json.loads, path.read_bytes().splitlines() if path.exists() else ())
        return [(entry["actor"], entry["subject"]) for entry in entries]

    def kids(self, name: str) -> list[str]:
        return [version.version for version in self.secrets.versions(name, self.now)]

    def published(self, client_id: str) -> dict[str, str]:
        return json.loads((self.folder / "client-secrets" / f"{client_id}.json").read_bytes())

    def gets_token(self, client_id: str, client_secret: str) -> bool:
        try:
            return self.clients.authenticate(client_id, client_secret).client_id == client_id
        except InvalidClient:
            return False


@pytest.fixture
def open_world(tmp_path):
    worlds = []

    def make(**settings) -> World:
        worlds.append(World(tmp_path, **settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.secrets.close()


@pytest.mark.parametrize(
    ("age", "days", "due"), [(0, 1, False), (DAY - 1, 1, False), (DAY, 1, True), (9 * DAY, 0, False)]
)
def test_when_a_secret_is_due(age, days, due):
    assert is_due(NOW - age, NOW, days) is due


def test_signing_secrets_are_renewed_when_they_are_old(open_world):
    world = open_world()
    world.rotation.look()
    assert world.kids("signing") == world.kids("user_signing") == []
    world.tokens.issue("c", ["admin"], "default", 60)
    world.user_tokens.jwks()
    world.now += 30 * DAY - 1
    world.rotation.look()
    assert (len(world.kids("signing")), world.noted()) == (1, [])
    world.now += 1
    for _ in range(2):
        world.rotation.look()
    assert (len(world.kids("signing")), len(world.kids("user_signing"))) == (2, 2)
    assert world.noted() == [("job/rotate", "signing"), ("job/rotate", "user_signing")]


def test_nothing_is_renewed_when_the_settings_say_never(open_world):
    world = open_world(rotate_signing_days=0)
    world.tokens.issue("c", ["admin"], "default", 60)
    world.clients.add("shop", ["events:write"])
    world.now += 1_000 * DAY
    world.rotation.look()
    assert (len(world.kids("signing")), world.noted()) == (1, [])
    assert not (world.folder / "client-secrets").exists()


def test_every_token_lives_to_its_end_and_old_keys_no_longer(open_world):
    world = open_world(token_max_ttl_seconds=1_000)
    tokens, people = [], []
    for _ in range(4):
        tokens.append(world.tokens.issue("c", ["admin"], "default", 1_000))
        people.append(world.user_tokens.issue("u", ["admin"], 1_000))
        for token in tokens + people:
            world.verifier.verify(token)
        world.rotation.rotate_signing()
        world.now += 1
    assert (len(world.kids("signing")), len(world.user_tokens.jwks())) == (5, 5)
    world.now = NOW + 999
    for token in tokens + people:
        world.verifier.verify(token)
    for number in range(4):
        world.now = NOW + 1_000 + number
        assert (len(world.kids("signing")), len(world.user_tokens.jwks())) == (4 - number, 4 - number)
        with pytest.raises(Unauthorized):
            world.verifier.verify(tokens[number])
    world.rotation.look()
    assert world.secrets.expire(NOW + 10 * DAY) == 0


def test_all_tokens_that_are_out_can_be_ended(open_world):
    world = open_world()
    out = [world.tokens.issue("c", ["admin"], "default", 1_000), world.user_tokens.issue("u", ["admin"], 1_000)]
    world.rotation.rotate_signing()
    out += [world.tokens.issue("c", ["admin"], "default", 1_000), world.user_tokens.issue("u", ["admin"], 1_000)]
    for token in out:
        world.verifier.verify(token)
    world.rotation.rotate_signing(end_previous=True)
    world.now += 5
    for token in out:
        with pytest.raises(Unauthorized):
            world.verifier.verify(token)
    world.verifier.verify(world.tokens.issue("c", ["admin"], "default", 60))


def test_the_look_takes_what_has_ended_out_of_the_file(open_world):
    world = open_world(token_max_ttl_seconds=1_000, session_days=1)
    world.tokens.issue("c", ["admin"], "default", 60)
    world.sessions.begin("0123456789abcdef", "p")
    world.rotation.rotate_signing()
    world.now += DAY - 1
    kept = world.sessions.begin("fedcba9876543210", "p")
    world.now += 1
    world.rotation.look()
    assert world.secrets.expire(world.now) == 0
    [name] = world.secrets.names("session/")
    assert name.startswith("session/fedcba9876543210/")
    world.sessions.renew(kept.token)


def test_clients_find_their_new_secret_in_a_file(open_world):
    world = open_world(rotate_clients_days=30)
    first = world.clients.add("shop", ["events:write"], "web", 60)
    world.now += 30 * DAY - 1
    world.rotation.look()
    assert not (world.folder / "client-secrets").exists()
    world.now += 1
    for _ in range(2):
        world.rotation.look()
    assert world.noted() == [("job/rotate", f"client/{first.client_id}")]
    second = world.published(first.client_id)
    assert set(second) == {"client_id", "client_secret", "previous_expires_at"}
    [client] = world.clients.list()
    assert (client.app, client.requests_per_minute, client.created_at.timestamp()) == ("web", 60, world.now)
    assert second["previous_expires_at"] == client.previous_expires_at.isoformat().replace("+00:00", "Z")
    world.now += DAY - 1
    for secret in (first.client_secret, second["client_secret"]):
        assert world.gets_token(first.client_id, secret)
    world.now += 1
    assert not world.gets_token(first.client_id, first.client_secret)
    assert world.gets_token(first.client_id, second["client_secret"])


def test_the_files_are_for_the_owner_alone_and_go_with_the_client(open_world):
    world = open_world(rotate_clients_days=1)
    made = world.clients.add("shop", ["events:write"])
    world.now += DAY
    world.rotation.look()
    folder = world.folder / "client-secrets"
    [path] = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    world.clients.remove(made.client_id)
    world.rotation.look()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("where", ["prepared", "stored"])
def test_a_crash_in_the_middle_costs_nobody_access(open_world, monkeypatch, where):
    world = open_world(rotate_clients_days=1)
    first = world.clients.add("shop", ["events:write"])
    world.now += DAY
    world.rotation.look()
    second = world.published(first.client_id)["client_secret"]
    world.now += DAY

    def crash(*_):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(*((world.clients, "rotate") if where == "prepared" else (world.files, "publish")), crash)
        with pytest.raises(Crash):
            world.rotation.look()
    assert world.published(first.client_id)["client_secret"] == second
    assert world.gets_token(first.client_id, second)

    again = World(world.folder)
    again.now = world.now + DAY // 2
    again.rotation.look()
    third = again.published(first.client_id)["client_secret"]
    assert (third == second) is (where == "prepared")
    for secret in (second, third):
        assert again.gets_token(first.client_id, secret)
    assert [path.name for path in (world.folder / "client-secrets").iterdir()] == [f"{first.client_id}.json"]
    again.secrets.close()


def test_a_torn_file_is_forgotten(open_world):
    world = open_world(rotate_clients_days=1)
    folder = world.folder / "client-secrets"
    folder.mkdir()
    (folder / "c.json.new").write_text('{"client_id": "c", "client_se')
    world.rotation.look()
    assert list(folder.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_the_secret_as_it_was(open_world):
    world = open_world(rotate_clients_days=1)
    made = world.clients.add("shop", ["events:write"])
    (world.folder / "client-secrets").write_text("in the way")
    world.now += DAY
    with pytest.raises(FileExistsError):
        world.rotation.look()
    assert len(world.kids(f"client/{made.client_id}")) == 1
    assert world.gets_token(made.client_id, made.client_secret)
