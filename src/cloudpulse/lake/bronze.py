"""Raw accepted events as immutable objects, one per lake commit and received hour, and the list of them.

In a bucket (``fileio.Objects``) they have the same names as in the data folder. There they are written and listed;
merging, tiering and erasing are for a folder alone.
"""

import datetime as dt
import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import msgspec
import zstandard

from cloudpulse.errors import StoreError
from cloudpulse.events import codec
from cloudpulse.events.model import Batch, Position
from cloudpulse.events.times import from_micros
from cloudpulse.lake import garbage
from cloudpulse.lake.fileio import durable_file, temporary_of, write_durably
from cloudpulse.ports import Records

KIND = "bronze_files"
PENDING = "bronze_pending"
RETIRED = "bronze_retired"
ERASED = "bronze_erased"
DIGESTS = "bronze_digests"
"""Records kind: what each object holds, counted (see ``digests``), under the key of the object."""
SUFFIX = ".ndjson.zst"
TIER = "tier"
"""Records kind and key: the tier folder, and the content of its marker."""
TIER_MARKER = "cloudpulse-tier"
"""The file that tells a tier folder from the empty place at which it is mounted."""
LEVEL = 1
"""Level 3 takes half as long again, for the same size: 47.0 bytes an event."""
PAGE = 1000
BLOCK_BYTES = 4 << 20
_READ_BYTES = 1 << 20
_PARTS = 6
"""Of the name of an object, ``bronze`` and the file's own among them."""
_HOUR = 3_600_000_000
_HOUR_FOLDER = "bronze/year=%Y/month=%m/day=%d/hour=%H"
_MINUTE = 60_000_000


class BronzeFile(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """One object: batches ``first`` to ``last`` of a journal, ``n`` events.

    ``path`` is relative to the data folder, or absolute in a tier folder (see ``place``). ``min_ts`` and ``max_ts``
    bound the event times, and ``stored_at`` is when it was written, or the newest of those that were merged into it;
    all in microseconds since 1970. ``size`` is that of its lines in bytes, 0 where it was not noted.
    """

    path: str
    journal: str
    first: int
    last: int
    min_ts: int
    max_ts: int
    n: int
    stored_at: int
    sha256: str = ""
    size: int = 0

    @property
    def key(self) -> str:
        """Its key in the list: in the order of the journal, by the last batch."""
        return key_of(self.journal, self.first, self.last)


def key_of(journal: str, first: int, last: int) -> str:
    """The key of what holds batches ``first`` to ``last``."""
    return f"{journal}:{last:020d}:{first:020d}"


def plan(journal: str, batches: Sequence[Batch], now: int) -> list[tuple[BronzeFile, list[Batch]]]:
    """The objects that batches in journal order make, one for each hour in which they were received.

    Next tries of dead letters lie apart: their lines are older than they are.
    """
    groups = groupby(batches, key=lambda batch: (_hour(batch), batch.redrive_of is not None))
    return [_describe(journal, hour, list(group), now) for (hour, _), group in groups]


def plan_keyed(batches: Mapping[str, Batch], now: int) -> list[tuple[BronzeFile, list[str]]]:
    """The objects that batches with keys make, in no order: one for each hour, with the keys of what it holds in turn.

    Each object is a journal of its own, named by what is in it: the same content is the same object, and no other is.
    """
    hours = groupby(sorted(batches, key=lambda key: (_hour(batches[key]), key)), key=lambda key: _hour(batches[key]))
    return [_describe_keyed(hour, {key: batches[key] for key in keys}, now) for hour, keys in hours]


def _describe_keyed(hour: int, batches: Mapping[str, Batch], now: int) -> tuple[BronzeFile, list[str]]:
    # A request that is made again has the same key, and other lines: they say when it was received.
    name = hashlib.sha256(b"".join(batch.lines for batch in batches.values())).hexdigest()[:32]
    return _describe(name, hour, list(batches.values()), now)[0], list(batches)


def _hour(batch: Batch) -> int:
    return batch.received_at // _HOUR


def _describe(journal: str, hour: int, batches: list[Batch], now: int) -> tuple[BronzeFile, list[Batch]]:
    folder = from_micros(hour * _HOUR).strftime(_HOUR_FOLDER)
    first, last = batches[0].seq, batches[-1].seq
    minutes = [count.minute for batch in batches for count in batch.digest]
    file = BronzeFile(
        path=f"{folder}/{journal}-{first}-{last}{SUFFIX}",
        journal=journal,
        first=first,
        last=last,
        min_ts=min(minutes) * _MINUTE,
        max_ts=(max(minutes) + 1) * _MINUTE - 1,
        n=sum(batch.events for batch in batches),
        stored_at=now,
    )
    return file, batches


def write(data: Path, file: BronzeFile, batches: Sequence[Batch]) -> BronzeFile:
    """Write an object durably; returns its description with the hash."""
    file, content = encode(file, batches)
    write_durably(data / file.path, content)
    return file


def encode(file: BronzeFile, batches: Sequence[Batch]) -> tuple[BronzeFile, bytes]:
    """An object's description with the hash, and its content."""
    size = sum(zstandard.frame_content_size(batch.lines) for batch in batches)
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=size)
    parts = [compressor.compress(codec.decompress(batch.lines)) for batch in batches]
    content = b"".join([*parts, compressor.flush()])
    return msgspec.structs.replace(file, sha256=hashlib.sha256(content).hexdigest(), size=size), content


def write_pieces(path: Path, pieces: Iterable[bytes], size: int) -> str:
    """Write an object of ``size`` bytes of lines durably, in pieces; returns its hash."""
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=size)
    digest = hashlib.sha256()
    with durable_file(path) as file:
        for piece in pieces:
            part = compressor.compress(piece)
            digest.update(part)
            file.write(part)
        part = compressor.flush()
        digest.update(part)
        file.write(part)
    return digest.hexdigest()


def another_path(file: BronzeFile) -> str:
    """A new name for an object: none that was ever used, for that one may still wait to be unlinked."""
    name = f"{file.journal}-{file.first}-{file.last}.{uuid.uuid4().hex[:8]}{SUFFIX}"
    return str(Path(file.path).with_name(name))


def announce(records: Records, files: Iterable[BronzeFile]) -> None:
    """Note which objects are about to be written, so that a crash leaves none unknown."""
    records.put(PENDING, documents_of(files))


def settle(records: Records, files: Sequence[BronzeFile]) -> None:
    """List objects whose rows are in the lake."""
    records.put(KIND, documents_of(files))
    records.delete(PENDING, [file.key for file in files])


def recover(records: Records, data: Path, position: Position | None) -> list[BronzeFile]:
    """List announced objects that the lake's position covers, and remove all above it; returns the removed ones."""
    announced = _files(records.list(PENDING))
    covered = [
        file for file in announced if position and file.journal == position.journal and file.last <= position.seq
    ]
    settle(records, [_with_hash(data, file) for file in covered])
    removed = [file for file in announced if file not in covered] + _above(records, position)
    for file in removed:
        for path in (data / file.path, temporary_of(data / file.path)):
            path.unlink(missing_ok=True)
    records.delete(KIND, [file.key for file in removed])
    records.delete(PENDING, [file.key for file in removed])
    records.delete(DIGESTS, [key for key, _ in records.list(DIGESTS, *_range_above(position))])
    return removed


def pending(records: Records) -> list[BronzeFile]:
    """The objects of a commit under way, in key order; ask before ``pages``, for they settle."""
    return _files(records.list(PENDING))


def pages(records: Records) -> Iterator[list[BronzeFile]]:
    """All listed objects in key order, in bounded memory."""
    start = ""
    while page := _files(records.list(KIND, start=start, limit=PAGE)):
        yield page
        start = page[-1].key + "\0"


def walk(records: Records) -> Iterator[BronzeFile]:
    """All objects, as ``listed`` in bounded memory; those of a commit under way come first."""
    # What settles between the two reads is then seen at least once.
    known = {file.key: file for file in pending(records)}
    yield from known.values()
    yield from (file for page in pages(records) for file in page if file.key not in known)


def name_of(file: BronzeFile) -> str:
    """An object's name below the folder in which it lies: ``bronze/year=…/month=…/day=…/hour=…/…``."""
    return "/".join(Path(file.path).parts[-_PARTS:])


def folder_of(file: BronzeFile) -> str:
    """The folder of the hour in which its events were received: ``bronze/year=…/month=…/day=…/hour=…``."""
    return name_of(file).rpartition("/")[0]


def hour_of(folder: str) -> dt.datetime:
    """When the hour of a folder began."""
    return dt.datetime.strptime(folder, _HOUR_FOLDER).replace(tzinfo=dt.UTC)


def place(data: Path, file: BronzeFile) -> Path:
    """Where an object lies: in the data folder, or in the tier folder, of which its path tells.

    Raises ``StoreError`` when that one cannot be reached: then nobody knows whether the object is there.
    """
    path = Path(file.path)
    if path.is_absolute() and not (path.parents[_PARTS - 1] / TIER_MARKER).exists():
        raise StoreError(f"The tier folder cannot be reached, in which {name_of(file)} lies: mount it again.")
    return data / path


def tier_folder(records: Records) -> Path | None:
    """Where the job ``tier`` has moved objects to, if it has."""
    document = records.get(TIER, TIER)
    return Path(document["folder"]) if document else None


def fault(data: Path, file: BronzeFile) -> Literal["lost", "altered"] | None:
    """What is wrong with an object; reads all of it, in pieces."""
    digest = hashlib.sha256()
    try:
        with place(data, file).open("rb") as stream:
            while piece := stream.read(_READ_BYTES):
                digest.update(piece)
    except FileNotFoundError:
        return "lost"
    # While its commit settles, a file is listed without its hash.
    return None if file.sha256 in ("", digest.hexdigest()) else "altered"


def is_listed(records: Records, file: BronzeFile) -> bool:
    """Whether an object is still the same: those that are replaced, or too old, go by and by."""
    return _files((file.key, document) for document in (records.get(KIND, file.key),) if document) == [file]


def listed(records: Records) -> list[BronzeFile]:
    """All objects, in key order, with those of a commit under way: the lake's position tells whether they count."""
    # What settles between the two reads is then seen at least once.
    files = {file.key: file for kind in (PENDING, KIND) for file in _files(records.list(kind))}
    return [files[key] for key in sorted(files)]


def locate(records: Records, journal: str, seq: int) -> BronzeFile | None:
    """The object that holds a batch, also while its commit settles: the lake's position tells whether it counts."""
    # What settles between the two reads is then seen at least once.
    announced = [file for file in pending(records) if file.journal == journal and file.last >= seq]
    found = [*list_files(records, journal, after=seq - 1, limit=1), *announced]
    return next((file for file in found if file.first <= seq), None)


def list_files(records: Records, journal: str, after: int, limit: int | None = None) -> list[BronzeFile]:
    """Objects of a journal that reach beyond a batch, in journal order."""
    return _files(records.list(KIND, start=f"{journal}:{after + 1:020d}", end=f"{journal};", limit=limit))


def retire(records: Records, data: Path, until: int, stored_before: int, due: dt.datetime) -> int:
    """Take objects from the list whose events and writing are older (microseconds), and have them unlinked at ``due``.

    In the same step their events are counted by journal. Returns how many objects went.
    """
    start, gone = "", 0
    while page := _files(records.list(KIND, start=start, limit=PAGE)):
        start = page[-1].key + "\0"
        young = next((file for file in page if file.stored_at >= stored_before), None)
        if young is not None:
            start = f"{young.journal};"  # what follows in this journal was written later still
        old = [file for file in page if file.max_ts < until and file.stored_at < stored_before and file.key < start]
        if old:
            gone += len(old)
            totals = Counter(retired(records))
            for file in old:
                totals[file.journal] += file.n
            locations = [f"file://{place(data, file)}" for file in old]
            keys = [file.key for file in old]
            records.exchange(
                {KIND: keys, DIGESTS: keys},
                {
                    RETIRED: {journal: {"events": events} for journal, events in totals.items()},
                    garbage.KIND: garbage.documents(locations, due),
                },
            )
    return gone


def replace(
    records: Records,
    data: Path,
    old: BronzeFile,
    new: BronzeFile | None,
    due: dt.datetime,
    also: Mapping[str, Mapping[str, Any]],
) -> None:
    """List an object again without events that were erased, or no more, and have the old one unlinked at ``due``.

    In the same step the events are counted by journal, and other documents (kind → key → document) are written.
    """
    gone = erased(records).get(old.journal, 0) + old.n - (new.n if new else 0)
    documents: dict[str, Mapping[str, Any]] = {
        ERASED: {old.journal: {"events": gone}},
        garbage.KIND: garbage.documents([f"file://{place(data, old)}"], due),
    }
    if new is not None:
        documents[KIND] = documents_of([new])
    records.exchange({KIND: [old.key], DIGESTS: [old.key]}, {**documents, **also})


def erased(records: Records) -> dict[str, int]:
    """How many events of each journal were erased from objects."""
    return {journal: document["events"] for journal, document in records.list(ERASED)}


def retired(records: Records) -> dict[str, int]:
    """How many events of each journal were in objects that have gone by their age."""
    return {journal: document["events"] for journal, document in records.list(RETIRED)}


def read(data: Path, file: BronzeFile) -> bytes:
    """The stored lines of an object; raises FileNotFoundError."""
    return codec.decompress(place(data, file).read_bytes())


def pieces(data: Path, file: BronzeFile) -> Iterator[bytes]:
    """What an object holds, cut anywhere; raises FileNotFoundError."""
    decompressor = zstandard.ZstdDecompressor()
    with place(data, file).open("rb") as source, decompressor.stream_reader(source, read_across_frames=True) as stream:
        while piece := stream.read(BLOCK_BYTES):
            yield piece


def blocks(data: Path, file: BronzeFile) -> Iterator[list[bytes]]:
    """The stored lines of an object without their ends, some at once; raises FileNotFoundError."""
    rest = b""
    for piece in pieces(data, file):
        *lines, rest = (rest + piece).split(b"\n")
        if lines:
            yield lines
    if rest:
        yield [rest]


def holds(data: Path, file: BronzeFile, text: bytes) -> bool:
    """Whether a text stands in a line of an object; raises FileNotFoundError."""
    return any(text in line for lines in blocks(data, file) for line in lines)


def _above(records: Records, position: Position | None) -> list[BronzeFile]:
    return _files(records.list(KIND, *_range_above(position)))


def _range_above(position: Position | None) -> tuple[str, str | None]:
    """The first key above a position, and the end of its journal's keys."""
    return ("", None) if position is None else (f"{position.journal}:{position.seq + 1:020d}", f"{position.journal};")


def _with_hash(data: Path, file: BronzeFile) -> BronzeFile:
    content = (data / file.path).read_bytes()
    size = zstandard.frame_content_size(content)
    return msgspec.structs.replace(file, sha256=hashlib.sha256(content).hexdigest(), size=size)


def documents_of(files: Iterable[BronzeFile]) -> dict[str, object]:
    """The records of kind ``bronze_files`` that list objects."""
    return {file.key: msgspec.to_builtins(file) for file in files}


def _files(documents: Iterable[tuple[str, object]]) -> list[BronzeFile]:
    return [msgspec.convert(document, BronzeFile) for _, document in documents]
