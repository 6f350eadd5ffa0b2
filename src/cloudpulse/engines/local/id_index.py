"""The id index: which event ids were seen within the window. A consumer of the journal, kept in RocksDB.

RocksDB's own write-ahead log is off: the journal already is one. ``through`` travels in the same write as the ids, so
what a crash takes back, the journal gives again (docs/decisions/0003).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    DBCompactionStyle,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from cloudpulse.errors import StoreError
from cloudpulse.events import codec
from cloudpulse.events.model import LAKE, Batch
from cloudpulse.ports import IdEntry

FOLDER_NAME = "ids"
_THROUGH = b"through"
_DAY_SECONDS = 86_400
_MEMTABLE_BYTES = 8 << 20
"""Small enough for the processor's cache: with 64 MiB an id costs 2.9 µs of all threads' time, with this 2.1."""
_CACHE_BYTES = 128 << 20


class RocksIdIndex:
    """Port ``IdIndex``. Value: seq 8 B, received 4 B, payload hash 8 B, event type 1 B."""

    def __init__(self, folder: Path, journal: str, window_seconds: int) -> None:
        self._window_seconds = window_seconds
        # Compaction drops what is a day past the window; whether an entry has expired is decided on read.
        access = AccessType.with_ttl(window_seconds + _DAY_SECONDS)
        try:
            self._db = Rdict(str(folder / FOLDER_NAME), _options(), access_type=access)
        except Exception as exc:
            raise StoreError(f"the id index in {folder / FOLDER_NAME} cannot be opened: {exc}") from exc
        writing = WriteOptions()
        writing.disable_wal = True  # type: ignore[assignment, method-assign]  # typed as a method, is an attribute
        self._db.set_write_options(writing)
        self._journal = journal.encode()
        self._through = self._stored_through()
        self._flushed = self._through

    def lookup(self, ids: Sequence[bytes], now_seconds: int) -> list[IdEntry | None]:
        """One entry per id; expired ones are None."""
        oldest = now_seconds - self._window_seconds
        try:
            found: list[bytes | None] = self._db[list(ids)]  # type: ignore[assignment]  # typed as Any | None
        except Exception as exc:
            raise StoreError(f"the id index cannot be read: {exc}") from exc
        return [_entry(value, oldest) if value is not None else None for value in found]

    def record(self, batch: Batch) -> None:
        """Remember the ids of a batch, or that they moved into it, and that the index has come up to it."""
        if batch.seq <= self._through:
            return
        write = WriteBatch(raw_mode=True)
        try:
            if batch.redrive_of is None:  # a loop of its own: a generator would cost a call for each id
                head = _head(batch)
                for entry in codec.unpack_ids(batch.ids):
                    write[entry[:16]] = head + entry[16:]
            else:
                for key, value in self._moved(batch):
                    write[key] = value
            write[_THROUGH] = batch.seq.to_bytes(8, "big") + self._journal
            self._db.write(write)
        except Exception as exc:
            raise StoreError(f"the id index cannot be written: {exc}") from exc
        self._through = batch.seq

    def through(self) -> int:
        """The highest batch recorded."""
        return self._through

    def restart(self) -> None:
        """Begin at the log's oldest batch again."""
        self._through = self._flushed = 0

    def flush(self) -> int:
        """Write the memtable out; what was recorded before the call is durable after it."""
        through = self._through
        if through > self._flushed:
            try:
                self._db.flush()
            except Exception as exc:
                raise StoreError(f"the id index cannot be flushed: {exc}") from exc
            self._flushed = through
        return self._flushed

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._db.close()

    def _moved(self, batch: Batch) -> Iterator[tuple[bytes, bytes]]:
        """What another try changes; an id that was accepted anew meanwhile stays where it is."""
        if not batch.is_for(LAKE):
            return
        _, _, origin = (batch.redrive_of or "").rpartition(":")
        head = _head(batch)
        for entry in codec.unpack_ids(batch.ids):
            known: bytes | None = self._db.get(entry[:16])
            if known is None:
                yield entry[:16], head + entry[16:]
            elif int.from_bytes(known[:8], "big") == int(origin):
                yield entry[:16], head[:8] + known[8:]

    def _stored_through(self) -> int:
        stored: bytes = self._db.get(_THROUGH) or b""
        # A place in another journal says nothing of this one: all of it is recorded again.
        return int.from_bytes(stored[:8], "big") if stored[8:] == self._journal else 0


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_compression_type(DBCompressionType.none())  # random ids do not compress
    # Runs are merged when they are of one size: every id is written again a few times only.
    options.set_compaction_style(DBCompactionStyle.universal())
    options.set_level_zero_file_num_compaction_trigger(8)
    options.set_write_buffer_size(_MEMTABLE_BYTES)
    options.set_max_background_jobs(2)
    options.set_memtable_prefix_bloom_ratio(0.1)
    options.set_memtable_whole_key_filtering(True)
    options.set_keep_log_file_num(2)
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(10, False)
    blocks.set_block_cache(Cache(_CACHE_BYTES))
    options.set_block_based_table_factory(blocks)
    return options


def _head(batch: Batch) -> bytes:
    return batch.seq.to_bytes(8, "big") + (batch.received_at // 1_000_000).to_bytes(4, "big")


def _entry(value: bytes, oldest: int) -> IdEntry | None:
    received_at = int.from_bytes(value[8:12], "big")
    if received_at < oldest:
        return None
    return IdEntry(int.from_bytes(value[:8], "big"), received_at, value[12:20], codec.type_of(value[20]))
