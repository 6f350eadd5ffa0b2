"""Objects of one received hour become one: the same lines in the same order, in fewer files (mechanism 9).

Steady traffic makes one object for every commit of the lake. Only neighbours are merged, so the list stays in the order
of the journal and no two objects hold the same batch.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path

import msgspec
import structlog
import zstandard

from cloudpulse.events.model import Position
from cloudpulse.lake import bronze, digests, garbage
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.ports import Records

MAX_BYTES = 128 << 20
"""No object of more lines is made: some readers hold one hundredth of it, and one that is damaged loses all of it."""
CLOSED = dt.timedelta(hours=2)
"""So long ago an hour began that has been over for an hour."""
_HEADER_BYTES = 18

log = structlog.get_logger(__name__)


def plan(
    records: Records, data: Path, position: Position, told: Position | None, now: dt.datetime
) -> Iterator[list[BronzeFile]]:
    """Objects that become one, in the order of the list; they may be merged while it goes on.

    ``position`` is what the lake holds: all above it is the writer's. Others have been told of objects up to ``told``,
    so that none is made that they know one half of.
    """

    def place_of(file: BronzeFile) -> tuple[str, str, bool]:
        return file.journal, bronze.folder_of(file), _reaches(told, file)

    for (_, folder, _), run in groupby(chain.from_iterable(bronze.pages(records)), key=place_of):
        if bronze.hour_of(folder) + CLOSED <= now:
            for is_free, files in groupby(run, key=lambda file: _is_free(file, position)):
                if is_free:
                    yield from (group for group in _groups(data, files) if len(group) > 1)


def merge(records: Records, data: Path, files: Sequence[BronzeFile], due: dt.datetime) -> bool:
    """Put one object in the place of some, which are unlinked at ``due``; False when one is not what was written.

    Until the one exchange the new object is in no list: what a crash leaves of it is an orphan.
    """
    for file in files:
        if fault := bronze.fault(data, file):
            log.error("a bronze object cannot be merged with others", path=file.path, fault=fault)
            return False
    merged = _write(data, files)
    keys = [file.key for file in files]
    records.exchange(
        {bronze.KIND: keys, bronze.DIGESTS: keys},
        {
            bronze.KIND: bronze.documents_of([merged]),
            bronze.DIGESTS: {merged.key: digests.combined(records, files)},
            garbage.KIND: garbage.documents([f"file://{bronze.place(data, file)}" for file in files], due),
        },
    )
    return True


def _reaches(position: Position | None, file: BronzeFile) -> bool:
    """Whether an object lies at a position or below it; one of an earlier journal does."""
    return position is None or file.journal != position.journal or file.last <= position.seq


def _is_free(file: BronzeFile, position: Position) -> bool:
    """Whether an object is done with: the lake holds it, its hash is known, and it lies in the data folder."""
    return _reaches(position, file) and file.sha256 != "" and not Path(file.path).is_absolute()


def _groups(data: Path, files: Iterable[BronzeFile]) -> Iterator[list[BronzeFile]]:
    """Neighbours, as many as fit into one object."""
    group: list[BronzeFile] = []
    total = 0
    for file in files:
        size = _size(data, file)
        if group and total + size > MAX_BYTES:
            yield group
            group, total = [], 0
        group.append(file)
        total += size
    yield group


def _size(data: Path, file: BronzeFile) -> int:
    """Bytes of an object's lines; one whose size nobody can tell stays as it is."""
    if file.size:
        return file.size
    try:
        with bronze.place(data, file).open("rb") as stream:
            size = zstandard.frame_content_size(stream.read(_HEADER_BYTES))
    except (FileNotFoundError, zstandard.ZstdError):
        return MAX_BYTES
    return size if size > 0 else MAX_BYTES


def _write(data: Path, files: Sequence[BronzeFile]) -> BronzeFile:
    merged = msgspec.structs.replace(
        files[0],
        last=files[-1].last,
        min_ts=min(file.min_ts for file in files),
        max_ts=max(file.max_ts for file in files),
        n=sum(file.n for file in files),
        stored_at=max(file.stored_at for file in files),
        size=sum(_size(data, file) for file in files),
    )
    path = bronze.another_path(merged)
    lines = (piece for file in files for piece in bronze.pieces(data, file))
    return msgspec.structs.replace(merged, path=path, sha256=bronze.write_pieces(data / path, lines, merged.size))
