"""Many silver rows at once, for tests and measures of jobs that rewrite the lake."""

import datetime as dt

import numpy as np
import pyarrow as pa

from cloudpulse.lake.tables import SILVER

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36"


def silver_rows(rows: int, first: dt.datetime, seconds: float, seed: int, event_type: str = "page_view") -> pa.Table:
    """Random rows of one type whose times lie within ``seconds`` from ``first``, in no order."""
    rng = np.random.default_rng(seed)
    ids = rng.bytes(16 * rows).hex()
    start = int(first.timestamp() * 1_000_000)
    times = pa.array(start + (rng.random(rows) * seconds * 1_000_000).astype(np.int64)).cast(pa.timestamp("us", "UTC"))
    sessions = rng.integers(0, max(1, rows // 10), rows)
    columns = {
        "event_id": [ids[32 * i : 32 * i + 32] for i in range(rows)],
        "event_type": pa.repeat(event_type, rows),
        "timestamp": times,
        "received_at": times,
        "processed_at": times,
        "app": pa.repeat("default", rows),
        "client_id": pa.repeat("client", rows),
        "source": pa.repeat("web", rows),
        "session_id": [f"session-{seed}-{session}" for session in sessions],
        "user_id": [f"user-{session % 5000}" for session in sessions],
        "page": [f"/page/{page}" for page in rng.integers(0, 500, rows)],
        "user_agent": [AGENT % version for version in rng.integers(80, 140, rows)],
        "bot": pa.repeat(False, rows),
        "clamped": pa.repeat(False, rows),
        "properties": [f'{{"page":"/page/{n}","load_ms":{n * 7},"campaign":"{n:x}"}}' for n in sessions],
    }
    arrays = [
        pa.array(columns[field.name], field.type) if isinstance(columns.get(field.name), list)
        else columns[field.name].cast(field.type) if field.name in columns
        else pa.nulls(rows, field.type)
        for field in SILVER
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=SILVER)
