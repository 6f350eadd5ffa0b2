"""The two processes of the local engine: ``python -m cloudpulse.entrypoints.serve api|pipeline LISTENER LIFELINE``.

The supervisor starts them; the numbers are file descriptors that it shares.
"""

import asyncio
import datetime as dt
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
import uvloop

from cloudpulse import telemetry, wiring
from cloudpulse.entrypoints.supervise import SETTINGS_VARIABLE
from cloudpulse.events.model import LAKE, SPEED, Position
from cloudpulse.ops.dead_letters import DeadLetterService
from cloudpulse.ops.erasures import ErasureService
from cloudpulse.settings import Settings
from cloudpulse.wiring import erasing, jobs, notices, streams, trust, workflows

if TYPE_CHECKING:
    from cloudpulse.entrypoints.watch_folder import FolderWatch

FATAL_EXIT = 70
LAST_ANSWERS_SECONDS = 0.5
GRACE_SECONDS = 3
KEEP_ALIVE_SECONDS = 75
"""Longer than proxies and clients keep an idle connection: who closes first must not be the one that is asked."""
SWITCH_SECONDS = 0.0001
"""How long a thread waits for a busy one. The sequencer gives the interpreter up at every call of a store, some ten
times a commit, and waits as often to have it back: with Python's 5 ms, 32 callers got 3,100 answers a second, with
0.5 ms 5,500, with this 9,900."""

log = structlog.get_logger(__name__)


def main() -> None:
    """Run one role until SIGTERM, or until the supervisor is gone."""
    role, listener, lifeline = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    settings = msgspec.json.decode(
        os.environ.pop(SETTINGS_VARIABLE), type=Settings, dec_hook=lambda kind, value: kind(value)
    )
    telemetry.configure(settings.log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    threading.Thread(target=_end_with_supervisor, args=(lifeline,), daemon=True).start()
    if role == "api":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(api(settings, listener))
    else:
        pipeline(settings)
    # All is closed. DuckDB would report what its threads still hold, at length, when the interpreter ends.
    sys.stdout.flush()
    os._exit(0)


async def api(settings: Settings, listener: int) -> None:
    """Accept and answer."""
    from cloudpulse.api.app import create_app
    from cloudpulse.api.ingest import deliver_on
    from cloudpulse.entrypoints.deliver import DeliveryLoop
    from cloudpulse.entrypoints.oversee import Overseer
    from cloudpulse.entrypoints.own_jobs import OwnJobs
    from cloudpulse.entrypoints.watch import Watch

    _make_first_login(settings)
    ingest = wiring.ingest(settings, deliver_on(asyncio.get_running_loop()), fatal=_end_soon)
    serving = wiring.serving(settings)
    positions = {SPEED: serving.counters.position, LAKE: lambda: serving.snapshots.current().position}
    erasures = erasing.erasure_service(settings, serving, jobs.local_jobs(settings), ingest.sequencer)
    letters = wiring.dead_letter_service(settings, serving, ingest.sequencer, positions, erasures.check)
    watch = Watch(
        settings, ingest.gate, serving.reader, ingest.index, positions, ingest.sequencer.nudge, letters.counts
    )
    overseen = notices.overseen(settings, serving)
    services = _services(settings, ingest, serving, watch, letters, erasures, overseen)
    own_jobs = OwnJobs(services.jobs)
    see_rare = partial(notices.see_rare, settings, serving, overseen.records, services.jobs, services.workflows)
    overseer = Overseer(settings, overseen, watch, ingest.gate, see_rare, wiring.utc_now)
    delivery = DeliveryLoop(overseen.outbox, notices.delivery(settings, overseen.outbox), wiring.utc_now)
    watch.look()
    for thread in (watch, own_jobs, overseer, delivery, ingest.sequencer):
        thread.start()
    _calm_collector()
    server = _server(create_app(services), settings)
    _on_exit(server, services.stopping.set)
    await server.serve(sockets=[socket.socket(fileno=listener)])
    for thread in (overseer, delivery, own_jobs, watch, ingest.sequencer):
        thread.stop()
    ingest.index.close()
    ingest.log.close()


def _make_first_login(settings: Settings) -> None:
    from cloudpulse.entrypoints.first_login import make_first_login

    clients, users = trust.local_clients(settings), trust.local_users(settings)
    make_first_login(settings.data, trust.local_secrets(settings), clients, users, trust.local_audit(settings))


def _services(
    settings: Settings,
    ingest: wiring.Ingest,
    serving: wiring.Serving,
    health: wiring.Health,
    letters: DeadLetterService,
    erasures: ErasureService,
    overseen: notices.Overseen,
) -> wiring.ApiServices:
    from cloudpulse.auth.throttle import SignInThrottle, TokenBuckets
    from cloudpulse.serving.summaries import find_summary

    clients = trust.local_clients(settings)
    tokens, user_tokens = trust.local_tokens(settings), trust.local_user_tokens(settings)
    rotation = trust.local_rotation(settings, clients)
    feed = streams.event_feed(settings, serving)
    return wiring.ApiServices(
        settings=settings,
        tokens=tokens,
        user_tokens=user_tokens,
        verifier=trust.verifier(settings, tokens, user_tokens),
        clients=clients,
        write_keys=trust.local_write_keys(settings),
        rotation=rotation,
        users=trust.local_users(settings),
        sessions=trust.local_sessions(settings),
        audit=trust.local_audit(settings),
        now=wiring.utc_now,
        limits=TokenBuckets(time.monotonic),
        sign_ins=SignInThrottle(settings.sign_ins_per_minute, time.monotonic),
        receiver=ingest.receiver,
        query=serving.query,
        sql=serving.sql,
        realtime=serving.realtime,
        lookup=wiring.event_lookup(settings, ingest, serving),
        event_list=serving.event_list,
        event_feed=feed,
        ledger=serving.ledger,
        reconciliation=serving.reconciliation,
        dead_letters=letters,
        erasures=erasures,
        record_signer=trust.record_signer(settings),
        jobs=jobs.job_service(settings, rotation, erasing.vacuum(serving, ingest.sequencer, feed)),
        alarms=overseen.board,
        health_history=overseen.history,
        workflows=workflows.workflow_service(settings),
        summaries=partial(find_summary, settings.data),
        health=health,
        stopping=asyncio.Event(),
    )


def pipeline(settings: Settings) -> None:
    """Follow the journal with both layers."""
    from cloudpulse.entrypoints.chunks import ChunkSource
    from cloudpulse.entrypoints.consume import Loop
    from cloudpulse.entrypoints.consumers import LakeConsumer, SpeedConsumer
    from cloudpulse.entrypoints.deliver import DeliveryLoop
    from cloudpulse.entrypoints.letters import Letters
    from cloudpulse.entrypoints.run_jobs import JobLoop
    from cloudpulse.ops import process_starts
    from cloudpulse.ops.publish import StoredBatches

    parts = wiring.pipeline(settings)
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    state = parts.reader.state()
    while not state.journal and not ended.wait(0.05):
        state = parts.reader.state()
    if ended.is_set():
        return
    tail_folder = settings.data / wiring.TAIL_FOLDER
    source = ChunkSource(parts.reader, state.journal, wiring.utc_now)
    keep = dt.timedelta(days=settings.dead_letter_days)
    process_starts.note(parts.records, wiring.utc_now())
    outbox = notices.outbox(settings, parts.records)
    letters = Letters(parts.letters, parts.records, parts.reader, keep, wiring.utc_now, outbox.put_letter)
    lake = LakeConsumer(parts.writer, parts.reader, letters, source, tail_folder, wiring.utc_now)
    speed = SpeedConsumer(parts.processor, parts.reader, letters, tail_folder, wiring.utc_now)
    loops = [Loop(layer, source, letters, wiring.utc_now) for layer in (speed, lake)]
    runs = jobs.local_jobs(settings)
    functions = jobs.job_functions(settings, parts, runs)
    put_in_line = erasing.put_in_line(runs, parts.records)
    job_loop = JobLoop(runs, lambda: jobs.job_runner(settings, runs, functions), wiring.utc_now, put_in_line)
    stored = StoredBatches(parts.records, outbox, lambda: Position(state.journal, lake.stored()))
    gather = stored.look if outbox.wants("batch.stored") else None
    delivery = DeliveryLoop(outbox, notices.delivery(settings, outbox), wiring.utc_now, gather)
    beside: list[FolderWatch | DeliveryLoop | JobLoop] = [*_folder_watch(settings), delivery, job_loop]
    _calm_collector()
    for thread in (*loops, *beside):
        thread.start()
    ended.wait()
    for thread in (*beside, *loops):
        thread.stop()
    lake.commit()


def _folder_watch(settings: Settings) -> "list[FolderWatch]":
    """What watches the folder that the settings name, if any."""
    from cloudpulse.entrypoints.watch_folder import FolderWatch

    if not settings.watch_folder:
        return []
    return [FolderWatch(Path(settings.watch_folder), workflows.workflow_service(settings), time.monotonic)]


def _server(app: Any, settings: Settings) -> Any:
    import uvicorn

    from cloudpulse.entrypoints.connections import Connections
    from cloudpulse.entrypoints.protocol import BoundedProtocol

    config = uvicorn.Config(
        app,
        ws="none",
        http=partial(BoundedProtocol, Connections(settings, KEEP_ALIVE_SECONDS)),  # type: ignore[arg-type]  # a factory
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # trusted_proxies decides whose headers count
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _calm_collector() -> None:
    """What start-up has made stays, and events hold no cycles: the collector need not look so often."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _on_exit(server: Any, announce: Callable[[], None]) -> None:
    """Tell open streams that the server wants to end: it waits for them."""

    def handle(*_: Any) -> None:
        announce()
        # Uvicorn's own handler would raise the signal again after serving: nothing after it would be closed.
        server.should_exit = True

    server.handle_exit = handle


def _end_soon() -> None:
    """End the process once the last answers are out; the supervisor starts it again."""
    threading.Timer(LAST_ANSWERS_SECONDS, os._exit, (FATAL_EXIT,)).start()


def _end_with_supervisor(lifeline: int) -> None:
    os.read(lifeline, 1)
    log.warning("the supervisor is gone: ending")
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(2 * GRACE_SECONDS)
    os._exit(FATAL_EXIT)


if __name__ == "__main__":
    main()
