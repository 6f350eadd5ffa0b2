"""Which small files the writer merges, so that a partition that is still open stays cheap to read."""

from collections import defaultdict
from collections.abc import Iterable

from pyiceberg.manifest import DataFile

SMALL_BYTES = 8 * 1024 * 1024
MAX_SMALL_FILES = 32
MAX_GROUP_BYTES = 2 * SMALL_BYTES
MAX_GROUPS = 8


def crowded(files: Iterable[DataFile]) -> list[list[DataFile]]:
    """Groups of files to merge, each of one partition that has more than 32 small files; the fullest first."""
    partitions: dict[tuple[int, str], list[DataFile]] = defaultdict(list)
    for file in files:
        if file.file_size_in_bytes < SMALL_BYTES:
            partitions[file.partition[0], file.partition[1]].append(file)
    full = [small for small in partitions.values() if len(small) > MAX_SMALL_FILES]
    return [_group(small) for small in sorted(full, key=len, reverse=True)[:MAX_GROUPS]]


def _group(small: list[DataFile]) -> list[DataFile]:
    """Files of about one size, the most numerous kind: merging like with like writes each row only a few times."""
    kinds: dict[int, list[DataFile]] = defaultdict(list)
    for file in small:
        kinds[file.file_size_in_bytes.bit_length() // 5].append(file)
    most: list[DataFile] = max(kinds.values(), key=len)
    group: list[DataFile] = []
    total = 0
    for file in sorted(most, key=lambda file: file.file_size_in_bytes):
        total += file.file_size_in_bytes
        if total > MAX_GROUP_BYTES and len(group) > 1:
            break
        group.append(file)
    return group
