"""Several processes sign with one secrets file: the server, and every command."""

import threading

from cloudpulse.auth.tokens import TokenService
from cloudpulse.auth.verify import Verifier
from cloudpulse.engines.local.secrets import SqliteSecrets
from cloudpulse.settings import Settings

NOW = 1_800_000_000


def service(tmp_path, secrets=None):
    return TokenService(secrets or SqliteSecrets(tmp_path / "secrets.db"), Settings(), lambda: NOW)


def issue(tokens: TokenService) -> str:
    return tokens.issue("c", ["events:read"], "default", 60)


def test_two_processes_that_both_find_no_secret(tmp_path):
    """Whoever comes second must not end what the first has signed."""
    meeting = threading.Barrier(2)

    class Slow(SqliteSecrets):
        def versions(self, name, now):
            found = super().versions(name, now)
            meeting.wait(10)
            return found

    signed: list[str] = []
    racers = [service(tmp_path, Slow(tmp_path / "secrets.db")) for _ in range(2)]
    threads = [threading.Thread(target=lambda racer=racer: signed.append(issue(racer))) for racer in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verifier = Verifier([service(tmp_path)], lambda: NOW)
    assert [verifier.verify(token).client_id for token in signed] == ["c", "c"]


def test_a_token_signed_with_a_secret_of_this_moment(tmp_path):
    """The server remembers keys for some seconds; a command that has just rotated does not wait for it."""
    server = service(tmp_path)
    verifier = Verifier([server], lambda: NOW)
    old = issue(server)
    assert verifier.verify(old).client_id == "c"
    command = service(tmp_path)
    command.rotate()
    assert [verifier.verify(token).client_id for token in (issue(command), old)] == ["c", "c"]
