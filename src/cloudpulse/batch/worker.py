"""The batch layer's consumer of a queue, where batches have keys and no order: each gets into the lake exactly once.

Bronze and silver files are written first, then one commit names the batches. Whoever commits has seen a history that
names none of them, and after it states of which none is ``stored``: what the history forgets is marked before. When
somebody has added to the history meanwhile, it is looked at again. So a message may come twice, to two workers at once,
or after a crash anywhere; and when nobody knows whether a commit landed, the next look tells.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import pyarrow as pa
import structlog

from cloudpulse.errors import StoreError
from cloudpulse.events import message
from cloudpulse.events.message import Message, Pointer
from cloudpulse.events.times import micros
from cloudpulse.lake import bronze
from cloudpulse.lake.chunk import Chunk, decode
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.fileio import Objects
from cloudpulse.lake.keyed import MAX_BATCHES, KeyedCommit, KeyedObject
from cloudpulse.ports import BatchStates, Records
from cloudpulse.telemetry import told

log = structlog.get_logger(__name__)

MAX_TRIES = 5
MAX_EVENTS = 200_000
"""Of one commit, and one batch more."""

Chunks = Mapping[str, Chunk]
"""Decoded batches by their keys."""


class Delivery(msgspec.Struct, frozen=True):
    """A message as a queue delivers it; the id says which one failed."""

    id: str
    body: str


class LakeWorker:
    """Stores batches; one of several that share a lake. Not for several threads at once."""

    def __init__(self, lake: Lake, objects: Objects, records: Records, states: BatchStates) -> None:
        self._lake = lake
        self._objects = objects
        self._records = records
        self._states = states

    def handle(self, deliveries: Iterable[Delivery], now: dt.datetime) -> list[str]:
        """Store the batches of some deliveries; returns the ids of those that must be delivered again."""
        failed: list[str] = []
        group = _Group()
        for delivery in deliveries:
            try:
                group.add(delivery.id, self._open(delivery, now))
            except Exception as exc:
                log.error("a batch cannot be read", delivery=delivery.id, **told(exc))
                failed.append(delivery.id)
            if group.is_full():
                failed += self._store_group(group, now)
                group = _Group()
        failed += self._store_group(group, now)
        self._tidy(now)
        return failed

    def _open(self, delivery: Delivery, now: dt.datetime) -> Chunk:
        """Decode a delivery; raises when any part of it is damaged."""
        found = message.decode(delivery.body)
        if isinstance(found, Pointer):
            found = message.decode(self._objects.read(found.object))
        if not isinstance(found, Message):
            raise ValueError("a pointer points at a pointer")
        bronze.plan_keyed({found.key: found.batch}, micros(now))
        return decode(found.key, [found.batch], now)

    def _store_group(self, group: "_Group", now: dt.datetime) -> list[str]:
        """Store batches together; returns the ids of deliveries, all of them when it fails."""
        try:
            self._store(group.chunks, now)
        except Exception as exc:
            log.error("batches could not be stored", batches=sorted(group.chunks), **told(exc))
            return group.ids
        return []

    def _store(self, chunks: Chunks, now: dt.datetime) -> None:
        before = {key: self._states.apply(key, _seconds(now)) for key in chunks}
        waiting = {key: chunks[key] for key, state in before.items() if state not in ("stored", "aborted")}
        if "applying" in before.values():
            waiting = self._missing(self._lake.keyed_commits(), waiting, now)
        for _ in range(MAX_TRIES):
            if not waiting or self._commit(waiting, now):
                return
            waiting = self._missing(self._lake.keyed_commits(), waiting, now)
        raise StoreError("Other workers keep storing some of these batches; deliver them again.")

    def _commit(self, chunks: Chunks, now: dt.datetime) -> bool:
        """Store batches in one step; False, and nothing changes, when some of them are in the lake already."""
        commit = KeyedCommit(tuple(self._write_bronze(chunks, now)))
        rows = pa.concat_tables([chunk.table for chunk in chunks.values()])
        try:
            landed = self._lake.append_keyed(
                rows, commit, lambda history: len(self._missing(history, chunks, now)) == len(chunks)
            )
        except Exception:
            # It may have landed all the same, or may yet: its files stay, whatever the next look says.
            if self._missing(self._lake.keyed_commits(), chunks, now):
                raise
            return True
        if landed:
            self._settle([commit], now)
        return landed

    def _write_bronze(self, chunks: Chunks, now: dt.datetime) -> Iterator[KeyedObject]:
        batches = {key: chunk.batches[0] for key, chunk in chunks.items()}
        for planned, keys in bronze.plan_keyed(batches, micros(now)):
            file, content = bronze.encode(planned, [batches[key] for key in keys])
            self._objects.write(file.path, content)
            yield KeyedObject(file, tuple(keys))

    def _missing(self, history: Sequence[KeyedCommit], chunks: Chunks, now: dt.datetime) -> dict[str, Chunk]:
        """The batches that are not in the lake, by a history and what it has forgotten; those that it names settle."""
        named = [commit for commit in history if not commit.keys.isdisjoint(chunks)]
        self._settle(named, now)
        rest = chunks.keys() - frozenset().union(*(commit.keys for commit in named))
        stored = self._stored(rest, now)
        return {key: chunks[key] for key in chunks if key in rest - stored}

    def _settle(self, commits: Iterable[KeyedCommit], now: dt.datetime) -> None:
        """Note, beside the table, what a commit has brought into it; repeatable."""
        for commit in commits:
            self._records.put(bronze.KIND, bronze.documents_of([one.file for one in commit.objects]))
            self._states.store(commit.locations(), _seconds(now))

    def _stored(self, keys: Iterable[str], now: dt.datetime) -> set[str]:
        found = self._states.get(keys, _seconds(now))
        return {key for key, status in found.items() if status.state == "stored"}

    def _tidy(self, now: dt.datetime) -> None:
        """Shorten the history and unlink old files; a failure is no reason to stop, for the rows are safe."""

        def settle(commits: Sequence[KeyedCommit]) -> None:
            stored = self._stored([key for commit in commits for key in commit.keys], now)
            self._settle([commit for commit in commits if not commit.keys <= stored], now)

        try:
            self._lake.expire_keyed(settle)
            self._lake.collect_garbage(self._records, now)
        except Exception as exc:
            log.error("the lake's history could not be shortened", **told(exc))


class _Group:
    """What one commit is to hold."""

    def __init__(self) -> None:
        self.chunks: dict[str, Chunk] = {}
        self.ids: list[str] = []

    def add(self, delivery_id: str, chunk: Chunk) -> None:
        """Add a delivery; of two with one key, the batch counts that comes later."""
        self.chunks[chunk.journal] = chunk
        self.ids.append(delivery_id)

    def is_full(self) -> bool:
        """Whether it is enough for one commit, and for a function's memory."""
        events = sum(chunk.events for chunk in self.chunks.values())
        return len(self.chunks) >= MAX_BATCHES or events >= MAX_EVENTS


def _seconds(now: dt.datetime) -> int:
    return micros(now) // 1_000_000
