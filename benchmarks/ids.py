"""Random UUIDs by the million."""

import numpy as np
import pyarrow as pa

_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_PLACES = np.array([at for at in range(36) if at not in (8, 13, 18, 23)])


def uuid_texts(random: np.random.Generator, count: int) -> pa.Array:
    """Random UUIDs (version 4) as text."""
    text = np.full((count, 36), ord("-"), np.uint8)
    text[:, _PLACES] = _DIGITS[random.integers(0, 16, (count, 32), np.uint8)]
    text[:, 14] = ord("4")
    text[:, 19] = _DIGITS[random.integers(8, 12, count, np.uint8)]
    offsets = 36 * np.arange(count + 1, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def packed_ids(random: np.random.Generator, count: int) -> bytes:
    """Random entries of ``Batch.ids``: id, payload hash, and the first event type."""
    packed = random.integers(0, 256, (count, 25), np.uint8)
    packed[:, 24] = 0
    return packed.tobytes()
