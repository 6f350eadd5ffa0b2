"""Commits to the lake: rows and the position they reach, in one atomic step."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import uniform
from typing import Any, NamedTuple

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table import Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import RemoveSnapshotsUpdate
from pyiceberg.typedef import EMPTY_DICT

from cloudpulse.errors import StoreError
from cloudpulse.events.model import Position
from cloudpulse.lake import garbage, merge, orphans, parquet, relocate, tables
from cloudpulse.lake.catalog import open_table
from cloudpulse.lake.compaction import Merge
from cloudpulse.lake.fileio import local_path
from cloudpulse.lake.keyed import KeyedCommit, commit_of, commits_of
from cloudpulse.lake.manifests import ManifestCache
from cloudpulse.lake.retired import Retired, retired_of
from cloudpulse.lake.rewrite import rewrite
from cloudpulse.ports import Records
from cloudpulse.settings import Settings

MAX_TRIES = 20
_FIRST_PAUSE_SECONDS = {"local": 0.0, "aws": 0.2}
"""Between tries, at most and twice as long each time: on AWS there are rivals, and those who wait alike meet again."""
_LONGEST_PAUSE_SECONDS = 2.0
EXPIRE_EVERY = 50
KEEP_SNAPSHOTS = 10


def position_of(metadata: TableMetadata) -> Position | None:
    """The position that a version of the table has reached."""
    text = metadata.properties.get(tables.POSITION)
    return None if text is None else Position.parse(text)


class Base(NamedTuple):
    """One version of the table, and what a job needs to write files that may take the place of others."""

    metadata: TableMetadata
    io: FileIO
    files: Sequence[DataFile]


class Lake:
    """The silver table, for the one process that commits to it.

    On AWS several processes do, with ``append_keyed``. ``orphans`` are looked for in a folder alone.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.engine == "local":
            relocate.follow_move(settings)
        self._table = open_table(settings)
        self._pause_seconds = _FIRST_PAUSE_SECONDS[settings.engine]
        self._unlink_delay = dt.timedelta(seconds=settings.unlink_delay_seconds)
        self._cache = ManifestCache(lambda file: file)
        self._unnamed: list[str] = []
        self._undisturbed: frozenset[dt.date] = frozenset()
        self.lock = threading.Lock()
        self.lease = threading.Lock()

    def position(self) -> Position | None:
        """Everything up to here is in the lake, exactly once; None for a new lake."""
        with self.lock:
            return position_of(self._table.refresh().metadata)

    def append(self, table: pa.Table, expected: Position | None, position: Position) -> bool:
        """Add rows and move from ``expected`` to ``position`` in one atomic step, durable on return.

        Returns False, and adds nothing, when the lake does not stand at ``expected``. After an error, the position
        alone tells whether the rows are in.
        """
        files = parquet.write_partitions(self._table.metadata, self._table.io, table)

        def change(base: TableMetadata, transaction: Transaction) -> bool:
            if position_of(base) != expected:
                return False
            _stage_append(transaction, files)
            transaction.set_properties({tables.POSITION: str(position)})
            if len(base.snapshots) >= KEEP_SNAPSHOTS + EXPIRE_EVERY:
                _stage_expiry(transaction, base, keep=KEEP_SNAPSHOTS)
            return True

        return self._commit(files, change)

    def append_keyed(
        self, table: pa.Table, commit: KeyedCommit, is_wanted: Callable[[Sequence[KeyedCommit]], bool]
    ) -> bool:
        """Add rows and name their batches in one atomic step.

        Returns False, and adds nothing, when ``is_wanted`` says no to the commits that the history names, and to which
        this one would be added. After an error nobody knows: only ``keyed_commits`` tells whether the rows are in.
        """
        files = parquet.write_partitions(self._table.metadata, self._table.io, table)

        def change(base: TableMetadata, transaction: Transaction) -> bool:
            if not is_wanted(commits_of(base)):
                return False
            _stage_append(transaction, files, commit.properties())
            return True

        return self._commit(files, change)

    def keyed_commits(self) -> list[KeyedCommit]:
        """The commits of batches with keys that the history names."""
        with self.lock:
            return commits_of(self._table.refresh().metadata)

    def expire_keyed(self, settle: Callable[[Sequence[KeyedCommit]], None]) -> bool:
        """Forget all but the newest of the history once it is long; ``settle`` is told of their batches before."""
        if len(self._table.metadata.snapshots) < KEEP_SNAPSHOTS + EXPIRE_EVERY:
            return False

        def change(base: TableMetadata, transaction: Transaction) -> bool:
            old = _newest_first(base)[KEEP_SNAPSHOTS:]
            if not old:
                return False
            settle([commit for snapshot in old if (commit := commit_of(snapshot))])
            _stage_removal(transaction, old)
            return True

        return self._commit([], change)

    def replace(self, removed: Sequence[DataFile], table: pa.Table) -> bool:
        """Put rows in the place of whole files, as ``swap`` does."""
        return self.swap(removed, parquet.write_partitions(self._table.metadata, self._table.io, table))

    def swap(
        self, removed: Sequence[DataFile], added: Sequence[DataFile], properties: Mapping[str, str] | None = None
    ) -> bool:
        """Put files in the place of others and set properties of the table, in one atomic step; the position stays.

        Returns False, changes nothing and drops ``added``, when one of the files is no longer live. Files are prepared
        before: what others append meanwhile stays.
        """

        def change(base: TableMetadata, transaction: Transaction) -> bool:
            if not set(removed) <= set(self._cache.files(base, self._table.io)):
                return False
            _stage_replacement(transaction, removed, added)
            transaction.set_properties(dict(properties or {}))
            # Removed files are unnamed, and their delay begins, only when no older snapshot is left.
            _stage_expiry(transaction, base, keep=0)
            return True

        return self._commit(added, change, removed)

    def live_files(self) -> list[DataFile]:
        """The files of the newest snapshot."""
        with self.lock:
            return self._cache.files(self._table.refresh().metadata, self._table.io)

    def base(self) -> Base:
        """The newest version."""
        with self.lock:
            metadata = self._table.refresh().metadata
            return Base(metadata, self._table.io, self._cache.files(metadata, self._table.io))

    @contextmanager
    def undisturbed(self, days: Iterable[dt.date]) -> Iterator[None]:
        """Meanwhile the writer merges no files of these days, so that a long job does not have to begin again."""
        self._undisturbed = frozenset(days)
        try:
            yield
        finally:
            self._undisturbed = frozenset()

    def retired(self) -> Retired:
        """What has gone by its age."""
        with self.lock:
            return retired_of(self._table.refresh().metadata)

    def retire(self, before: dict[str, dt.date]) -> int | None:
        """Take the partitions of each type that lie before a day, and count their rows, in one atomic step.

        Returns how many rows went; None, and no change, when one of the files has gone meanwhile.
        """
        retired = self.retired().and_also(0, before)
        files = [file for file in self.live_files() if retired.covers(*parquet.partition_of(file))]
        retired = retired.and_also(sum(file.record_count for file in files), {})
        if not files and retired == self.retired():
            return 0
        return sum(file.record_count for file in files) if self.swap(files, [], retired.properties()) else None

    def compact(self, merge: Merge) -> bool:
        """Rewrite some files of a partition, one maintenance job at a time; False when one of them has gone."""
        return self.swap(merge.files, rewrite(self._table.metadata, self._table.io, merge))

    def merge_small_files(self) -> int:
        """Merge the small files of crowded partitions, one commit for each; returns how many files went."""
        merged = 0
        files = [file for file in self.live_files() if parquet.partition_of(file)[0] not in self._undisturbed]
        for group in merge.crowded(files):
            rows = pa.concat_tables([parquet.read(self._table.io, file) for file in group])
            merged += len(group) if self.replace(group, rows) else 0
        return merged

    def collect_garbage(self, records: Records, now: dt.datetime) -> int:
        """Unlink files that have been out of every snapshot for ``unlink_delay_seconds``; returns how many."""
        with self.lock:
            unnamed, self._unnamed = self._unnamed, []
        garbage.remember(records, unnamed, now + self._unlink_delay)
        return garbage.unlink_due(records, self._table.io, now)

    def orphans(self, before: dt.datetime) -> set[str]:
        """Locations of files in the table's folder, last written before a moment, that no version of it names."""
        folder = Path(local_path(self._table.location()))
        found = orphans.old_lake_files(folder, before)
        with self.lock:
            table = self._table.refresh()
            named = orphans.named_locations(table.metadata, table.metadata_location, table.io)
            return orphans.without_named(found, named, folder) - set(self._unnamed)

    def _commit(
        self,
        files: Sequence[DataFile],
        change: Callable[[TableMetadata, Transaction], bool],
        removed: Sequence[DataFile] = (),
    ) -> bool:
        """Try a change on the newest metadata until it lands or ``change`` refuses; then ``files`` are dropped."""
        with self.lock:
            for tries in range(MAX_TRIES):
                base = self._table.refresh().metadata
                transaction = self._table.transaction()
                if not change(base, transaction):
                    self._drop(files)
                    return False
                producers = transaction._snapshot_producers
                try:
                    transaction.commit_transaction()
                except CommitFailedException:
                    time.sleep(uniform(0, min(self._pause_seconds * 2**tries, _LONGEST_PAUSE_SECONDS)))
                    continue
                written = [path for producer in producers for path in producer._written_manifests]
                self._unnamed.extend(garbage.metadata_files(base, self._table.metadata, written, self._table.io))
                self._unnamed.extend(file.file_path for file in removed)
                return True
        self._drop(files)
        raise StoreError("Others keep changing the lake's table: too many processes commit to it.")

    def _drop(self, files: Sequence[DataFile]) -> None:
        for file in files:
            self._table.io.delete(file.file_path)


def _stage_append(transaction: Transaction, files: Sequence[DataFile], summary: Mapping[str, str] = EMPTY_DICT) -> None:
    if files:
        with transaction.update_snapshot(dict(summary)).merge_append() as append:
            for file in files:
                append.append_data_file(file)


def _stage_replacement(transaction: Transaction, removed: Sequence[DataFile], files: Sequence[DataFile]) -> None:
    with transaction.update_snapshot().overwrite() as overwrite:
        _evaluate_in_turn(overwrite)
        for file in removed:
            overwrite.delete_data_file(file)
        for file in files:
            overwrite.append_data_file(file)


def _evaluate_in_turn(overwrite: Any) -> None:
    """An evaluator remembers the manifest that it looks at, and pyiceberg 0.12 gives one to all of its threads: under
    load, files that are live were not found.
    """
    build, turn = overwrite._build_manifest_evaluator, threading.Lock()

    def build_for_threads(spec_id: int) -> Callable[[ManifestFile], bool]:
        evaluate = build(spec_id)

        def in_turn(manifest: ManifestFile) -> bool:
            with turn:
                return bool(evaluate(manifest))

        return in_turn

    overwrite._build_manifest_evaluator = build_for_threads


def _stage_expiry(transaction: Transaction, base: TableMetadata, keep: int) -> None:
    """Expire the snapshots of ``base`` but its newest ``keep``; the one that the transaction adds stays in any case.

    Those that name batches stay too: see ``expire_keyed``.
    """
    _stage_removal(transaction, [snapshot for snapshot in _newest_first(base)[keep:] if not commit_of(snapshot)])


def _newest_first(base: TableMetadata) -> list[Snapshot]:
    return sorted(base.snapshots, key=lambda snapshot: snapshot.sequence_number or 0, reverse=True)


def _stage_removal(transaction: Transaction, snapshots: Iterable[Snapshot]) -> None:
    # By hand, for ExpireSnapshots copies all metadata twice for every snapshot (9 ms each).
    expired = [snapshot.snapshot_id for snapshot in snapshots]
    transaction._apply((RemoveSnapshotsUpdate.model_validate({"snapshot-ids": expired}),))
