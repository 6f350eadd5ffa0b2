"""Messages: kept until they are delivered, in order, signed, by webhook and by e-mail."""

import base64
import datetime as dt
import socket
import threading
import time
from contextlib import suppress

import pytest

from cloudpulse.engines.local import webhook
from cloudpulse.engines.local.mail import MailChannel
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.webhook import WebhookChannel, signed
from cloudpulse.entrypoints.deliver import DeliveryLoop
from cloudpulse.errors import NotDelivered, SettingError
from cloudpulse.events.model import Position
from cloudpulse.lake import bronze
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.ops.deliver import Delivery
from cloudpulse.ops.publish import OUTBOX, Outbox, StoredBatches, targets
from cloudpulse.ports import DeadLetter, Message
from cloudpulse.settings import Settings, load
from receivers import hook, is_signed, mail_server

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
EVERYTHING = {"webhook_events": ("alarm.changed", "event.dead_lettered", "batch.stored")}


class Channel:
    """Takes messages, or does not."""

    def __init__(self) -> None:
        self.took: list[Message] = []
        self.refuses: set[str] = set()

    def send(self, message: Message) -> None:
        if message.kind in self.refuses:
            raise NotDelivered("not now")
        self.took.append(message)


class World:
    def __init__(self, folder) -> None:
        self.records = SqliteRecords(folder / "records.db")
        self.now = NOW
        self.channel = Channel()
        self.restart()

    def restart(self) -> None:
        settings = Settings(webhook_url="http://hooks.test/", **EVERYTHING)
        self.outbox = Outbox(self.records, targets(settings), lambda: self.now)
        self.delivery = Delivery(self.outbox, {"webhook": self.channel})

    def put(self, kind, name) -> None:
        self.records.put(OUTBOX, self.outbox.documents(kind, name, {"letters": []}))

    def step(self, seconds=0):
        self.now += dt.timedelta(seconds=seconds)
        again_at = self.delivery.step(self.now)
        return None if again_at is None else (again_at - self.now).total_seconds()

    def took(self):
        return [message.id for message in self.channel.took]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.records.close()


def test_who_is_told_of_what():
    assert targets(Settings()) == {}
    assert targets(Settings(webhook_url="http://h/")) == {
        "alarm.changed": ["webhook"],
        "event.dead_lettered": ["webhook"],
    }
    mailed = Settings(webhook_url="http://h/", webhook_events=("batch.stored",), smtp_url="smtp://m")
    assert targets(mailed) == {"batch.stored": ["webhook"], "alarm.changed": ["email"]}


def test_messages_come_in_order_also_those_of_an_earlier_process(world):
    world.put("alarm.changed", "1")
    world.restart()
    world.put("alarm.changed", "2")
    assert world.step() is None
    assert world.took() == ["alarm.changed:1", "alarm.changed:2"]
    assert world.step() is None
    assert len(world.took()) == 2


def test_one_that_is_not_taken_holds_up_its_own_kind_alone(world):
    world.channel.refuses = {"alarm.changed"}
    for name in ("1", "2"):
        world.put("alarm.changed", name)
        world.put("batch.stored", name)
    assert world.step() == 5
    assert world.took() == ["batch.stored:1", "batch.stored:2"]
    world.channel.refuses = set()
    assert world.step(4) == 1
    assert world.step(1) is None
    assert world.took()[2:] == ["alarm.changed:1", "alarm.changed:2"]
    world.channel.refuses = {"alarm.changed"}
    world.put("alarm.changed", "3")
    assert world.step() == 5, "pauses begin anew"


def test_pauses_grow_for_a_day_and_then_it_is_given_up(world):
    world.channel.refuses = {"alarm.changed"}
    world.put("alarm.changed", "1")
    waits = [world.step()]
    while len(waits) < 12:
        waits.append(world.step(waits[-1]))
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]
    assert world.step(86_400 - (world.now - NOW).total_seconds()) == 900
    world.put("alarm.changed", "2")
    world.channel.refuses = set()
    assert world.step(901) is None
    assert world.took() == ["alarm.changed:2"]


def test_a_target_that_the_settings_name_no_more(world):
    world.put("alarm.changed", "1")
    world.delivery = Delivery(world.outbox, {})
    assert world.step() == 5
    assert world.step(90_000) is None
    assert world.outbox.waiting() == []


def letter(seq, fingerprint="f", events=2):
    return DeadLetter(
        consumer="lake",
        position=Position("j", seq),
        events=events,
        parked_at=0,
        attempts=3,
        failed_at=(),
        fingerprint=fingerprint,
        reason="ValueError in parquet.py:write",
        stack="",
    )


def test_letters_of_one_fault_are_told_of_together(world):
    for seq in (1, 2, 2, 3):
        world.outbox.put_letter(letter(seq))
    world.outbox.put_letter(letter(4, "other"))
    world.step()
    first, second = world.channel.took
    assert (first.data["letters"], first.data["events"]) == (["lake:j:1", "lake:j:2", "lake:j:3"], 6)
    assert (second.data["fingerprint"], second.data["letters"]) == ("other", ["lake:j:4"])
    assert set(first.data) == {"consumer", "fingerprint", "reason", "letters", "events"}
    world.outbox.put_letter(letter(5))
    world.step()
    assert (world.took()[2], world.channel.took[2].data["letters"]) == ("event.dead_lettered:lake:j:5", ["lake:j:5"])


def test_nothing_is_added_to_what_was_sent_or_may_have_been(world):
    world.outbox.put_letter(letter(1))
    world.channel.refuses = {"event.dead_lettered"}
    world.step()
    world.outbox.put_letter(letter(2))
    world.restart()
    world.outbox.put_letter(letter(3))
    world.channel.refuses = set()
    world.step(5)
    assert [message.data["letters"] for message in world.channel.took] == [["lake:j:1"], ["lake:j:2"], ["lake:j:3"]]


def test_a_message_of_letters_is_bounded(world):
    for seq in range(250):
        world.outbox.put_letter(letter(seq))
    world.step()
    assert [len(message.data["letters"]) for message in world.channel.took] == [100, 100, 50]


def stored(seq, first=None, hour=0, journal="j"):
    path = f"bronze/{journal}-{first or seq}-{seq}-{hour}"
    return BronzeFile(
        path=path, journal=journal, first=first or seq, last=seq, min_ts=0, max_ts=0, n=10, stored_at=seq // 10 * 10
    )


def commit(world, *files):
    bronze.settle(world.records, list(files))


def test_every_commit_is_told_of_once_also_after_a_death(world):
    at = Position("j", 5)
    commit(world, stored(5))
    StoredBatches(world.records, world.outbox, lambda: at).look()
    assert world.outbox.waiting() == [], "what was before, nobody has asked for"
    commit(world, stored(12, 6), stored(19, 13, 1), stored(25, 20), stored(31, 26))
    at = Position("j", 25)
    for _ in range(2):
        batches = StoredBatches(world.records, world.outbox, lambda: at)
        batches.look()
        batches.look()
    world.step()
    assert world.took() == ["batch.stored:j:6-19", "batch.stored:j:20-25"]
    assert world.channel.took[0].data == {
        "journal": "j",
        "first_batch": 6,
        "last_batch": 19,
        "events": 20,
        "files": ["bronze/j-6-12-0", "bronze/j-13-19-1"],
    }
    at = Position("k", 3)
    commit(world, stored(3, 1, journal="k"))
    StoredBatches(world.records, world.outbox, lambda: at).look()
    world.step()
    assert world.took()[2:] == ["batch.stored:k:1-3"]


def message(kind="alarm.changed", **data):
    return Message(id=f"{kind}:1", kind=kind, target="webhook", made_at="2026-11-20T12:00:00.000Z", data=data)


def test_a_webhook_gets_what_is_signed():
    with hook() as receiver:
        WebhookChannel(f"{receiver.url}/in?key=k", "our secret", lambda: 1_800_000_000.9).send(
            message(alarm="speed_lag")
        )
        [post] = receiver.posts
    assert (post.path, post.headers["content-type"]) == ("/in?key=k", "application/json")
    assert post.message == {
        "id": "alarm.changed:1",
        "type": "alarm.changed",
        "timestamp": "2026-11-20T12:00:00.000Z",
        "data": {"alarm": "speed_lag"},
    }
    assert (post.headers["webhook-id"], post.headers["webhook-timestamp"]) == ("alarm.changed:1", "1800000000")
    assert is_signed("our secret", post)
    assert not is_signed("another", post)


def test_the_example_of_the_standard():
    """Of the specification's own test suite."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert "webhook-signature" not in signed("", "m", 1, b"")


@pytest.mark.parametrize("status", [302, 307, 400, 404, 500])
def test_any_other_answer_is_no_receipt_and_a_redirect_is_not_followed(status):
    with hook() as receiver, hook() as elsewhere:
        receiver.answers, receiver.headers = [status], {"Location": f"{elsewhere.url}/there"}
        with pytest.raises(NotDelivered, match=f"127.0.0.1 answered with status {status}"):
            WebhookChannel(f"{receiver.url}/secret-path", "", time.time).send(message())
        assert elsewhere.posts == []


def test_a_webhook_that_hangs_or_is_not_there(monkeypatch):
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.2)
    with hook() as receiver:
        receiver.answers = [0]
        with pytest.raises(NotDelivered, match="ReadTimeout"):
            WebhookChannel(receiver.url, "", time.time).send(message())
        url = receiver.url
    for wrong in (f"{url}/secret-path", "http://user:secret-path@127.0.0.1:1", "http://127.0.0.1:99999/secret-path"):
        with pytest.raises(NotDelivered) as caught:
            WebhookChannel(wrong, "", time.time).send(message())
        assert "secret-path" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_webhook_that_drips_ends_too(monkeypatch):
    """Each byte comes in time, the answer never."""
    monkeypatch.setattr(webhook, "TOTAL_SECONDS", 0.5)

    def drip():
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for number in range(200):
                connection.sendall(b"X-%d: drop\r\n" % number)
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(NotDelivered, match="TimeoutError"):
            WebhookChannel(f"http://127.0.0.1:{server.getsockname()[1]}", "", time.time).send(message())
        thread.join()


def test_messages_of_two_threads_never_get_the_same_number(world):
    """One kind has no lock of the other: whatever comes in between, no message takes another's place."""

    class Told(dict):
        def get(self, *_):
            if not between:
                between.append(())
                between[0] = outbox.documents("batch.stored", "1", {})
            return ("webhook",)

    between = []
    outbox = Outbox(world.records, Told(), lambda: NOW)
    assert outbox.documents("event.dead_lettered", "2", {}).keys().isdisjoint(between[0])


def alarm(**fields):
    data = {
        "alarm": "lake_lag",
        "state": "raised",
        "sentence": "The lake is behind.",
        "todo": "Look.",
        "url": "http://me",
    }
    return message(**data | {"raised_at": "2026-11-20T12:00:00.000Z", "cleared_at": None} | fields)


def test_an_alarm_by_mail():
    with mail_server() as server:
        channel = MailChannel(f"smtp://me:pass%40word@{server.address}", "", ["a@example.com", "b@example.com"])
        channel.send(alarm())
        [(sender, recipients, text)] = server.mails
        [login] = server.logins
    assert base64.b64decode(login.split()[-1]) == b"\0me\0pass@word"
    assert "a@example.com" in sender
    assert len(recipients) == 2
    assert "Subject: CloudPulse: lake_lag raised" in text
    assert "The lake is behind." in text
    assert "What to do: Look." in text
    assert "Message-ID: <alarm.changed.1@cloudpulse>" in text


@pytest.mark.parametrize("refused", ["RCPT", "AUTH", "DATA"])
def test_a_mail_server_that_refuses(refused):
    with mail_server() as server:
        server.refuses = {refused}
        with pytest.raises(NotDelivered) as caught:
            MailChannel(f"smtp://me:password@{server.address}", "me@example.com", ["a@example.com"]).send(alarm())
        assert "password" not in str(caught.value)
    with pytest.raises(NotDelivered):
        MailChannel(f"smtp://{server.address}", "", ["a@example.com"]).send(alarm())


def test_a_password_goes_to_no_other_machine_without_tls(monkeypatch):
    monkeypatch.setattr("cloudpulse.engines.local.mail._is_here", lambda host: False)
    with mail_server() as server:
        with pytest.raises(NotDelivered, match="no TLS"):
            MailChannel(f"smtp://me:password@{server.address}", "", ["a@example.com"]).send(alarm())
        assert server.logins == []


def test_the_loop_wakes_up_for_a_message_and_ends(world):
    loop = DeliveryLoop(world.outbox, world.delivery, lambda: NOW)
    loop.start()
    world.outbox.put_letter(letter(1))
    give_up_at = time.monotonic() + 20
    while not world.took() and time.monotonic() < give_up_at:
        time.sleep(0.01)
    loop.stop()
    assert not loop.is_alive()
    assert world.took() == ["event.dead_lettered:lake:j:1"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook_url", "ftp://hooks.test/secret-path"),
        ("webhook_url", "http:///secret-path"),
        ("webhook_secret", "whsec_secret-path"),
        ("webhook_events", "everything"),
        ("smtp_url", "http://me:secret-path@mail.test"),
        ("smtp_url", "smtp://me:secret-path@mail.test"),
        ("alarm_email_to", "ops@example.com"),
        ("alarm_email_from", "CloudPulse <ops@example.com>"),
        ("alarm_thresholds", "nothing=1"),
        ("alarm_thresholds", "lake_lag=-1"),
    ],
)
def test_a_bad_setting_is_named_and_shows_no_secret(tmp_path, name, value):
    with pytest.raises(SettingError, match=name) as caught:
        load({"data": tmp_path}, {f"CLOUDPULSE_{name.upper()}": value})
    assert "secret-path" not in str(caught.value)


def test_settings_of_messages(tmp_path):
    environ = {
        "CLOUDPULSE_WEBHOOK_URL": "https://hooks.test/secret-path",
        "CLOUDPULSE_WEBHOOK_EVENTS": "batch.stored, alarm.changed",
        "CLOUDPULSE_SMTP_URL": "smtps://me:secret-path@mail.test",
        "CLOUDPULSE_ALARM_EMAIL_TO": "a@example.com,b@example.com",
        "CLOUDPULSE_ALARM_THRESHOLDS": "lake_lag=900,rejects=2.5",
    }
    settings = load({"data": tmp_path}, environ)
    assert settings.webhook_events == ("batch.stored", "alarm.changed")
    assert settings.alarm_email_to == ("a@example.com", "b@example.com")
    assert settings.alarm_thresholds == {"lake_lag": 900, "rejects": 2.5}
    assert "secret-path" not in repr(settings)
