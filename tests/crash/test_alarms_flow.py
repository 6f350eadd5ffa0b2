"""From a fault in the code to a signed message at a receiver, and back to calm, over a death in between."""

import json
import random
import subprocess
import time

from crash_harness import COMMAND, Server, Truth, make_events, running, send, until

from receivers import Hook, hook, is_signed, mail_server

SECRET = "what receivers know"
POISON = "visitor-of-the-shop"
KINDS = "alarm.changed,event.dead_lettered,batch.stored"


def told(receiver: Hook, kind: str, *fields: str) -> list[tuple[object, ...]]:
    """Fields of the messages of one kind that were taken, in order, each id once."""
    found = {message["id"]: message["data"] for message in receiver.taken if message["type"] == kind}
    return [tuple(data[field] for field in fields) for data in found.values()]


def alarms(server: Server, code: int) -> str:
    done = subprocess.run(
        [COMMAND, "alarms", "--data", str(server.data)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def state(server: Server, name: str) -> dict[str, object]:
    return next(alarm for alarm in server.get("/v1/alarms")["alarms"] if alarm["name"] == name)


def test_dead_letters_ring_until_they_are_decided_on(tmp_path):
    with hook() as receiver, mail_server() as mails:
        receiver.kind, receiver.answers = "alarm.changed", [500, 500]
        settings = {
            "webhook_url": f"{receiver.url}/hook?key=open-sesame",
            "webhook_secret": SECRET,
            "webhook_events": KINDS,
            "smtp_url": f"smtp://me:open-sesame@{mails.address}",
            "alarm_email_to": "ops@example.com",
        }
        with running(tmp_path, **settings) as server:
            (server.faults / "poison.rows").touch()
            events = make_events(Truth(), random.Random(5), 40)
            for event in events[:2]:
                event["session_id"] = POISON
            send(server, events)
            until(lambda: told(receiver, "alarm.changed"), "the alarm is told of")
            first, second, third = [post for post in receiver.posts if post.message["type"] == "alarm.changed"]
            assert first.headers["webhook-id"] == second.headers["webhook-id"] == third.headers["webhook-id"]
            assert all(is_signed(SECRET, post) for post in receiver.posts)
            assert abs(int(third.headers["webhook-timestamp"]) - time.time()) < 60
            assert told(receiver, "alarm.changed", "alarm", "state") == [("dead_letters", "raised")]
            assert sorted(told(receiver, "event.dead_lettered", "consumer", "events")) == [("lake", 2), ("speed", 2)]
            assert not any(event["event_id"] in str(receiver.taken) for event in events)
            assert state(server, "dead_letters")["state"] == "raised"
            assert "dead letters wait" in alarms(server, code=1)
            (_, _, mail) = until(lambda: mails.mails, "a mail")[0]
            assert "CloudPulse: dead_letters raised" in mail

            server.kill("api")
            server.kill("pipeline")
            server.settle()
            until(lambda: state(server, "dead_letters")["value"], "somebody looks again")
            (server.faults / "poison.rows").unlink()
            assert server.request("POST", "/v1/dlq/redrive", {"all": True}).status == 200
            until(lambda: len(told(receiver, "alarm.changed")) == 2, "the alarm has ended")
            assert told(receiver, "alarm.changed", "alarm", "state") == [
                ("dead_letters", "raised"),
                ("dead_letters", "cleared"),
            ]
            until(lambda: len(mails.mails) == 2, "another mail")
            server.settle()
            until(lambda: sum(n for (n,) in told(receiver, "batch.stored", "events")) == 40, "all is told of")
            listed = {path for (files,) in told(receiver, "batch.stored", "files") for path in files}
            assert all((server.data / path).exists() for path in listed)
            assert alarms(server, code=0)
            history = server.get("/v1/alarms")["history"]
            assert [(one["alarm"], one["cleared_at"] is None) for one in history] == [("dead_letters", False)]
            assert server.get("/v1/health/history?hours=1")["series"]["journal_bytes"][-1] is not None
            assert server.terminate() == 0
            log = server.log.read_text()
            assert [json.loads(line)["alarm"] for line in log.splitlines() if "an alarm was" in line] == 2 * [
                "dead_letters"
            ]
            assert "open-sesame" not in log
            assert SECRET not in log
