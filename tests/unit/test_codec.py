"""Batches are packed by any thread."""

import subprocess
import sys

PACK = """
import os
from concurrent.futures import ThreadPoolExecutor

from cloudpulse.events.codec import decompress, pack_lines

def pack(number):
    lines = [os.urandom(40).hex().encode() for _ in range(number % 7 * 500 + 1)]
    return decompress(pack_lines(lines)) == b"\\n".join([*lines, b""])

with ThreadPoolExecutor(8) as threads:
    assert all(threads.map(pack, range(300)))
"""


def test_threads_pack_at_once():
    """Both consumers sift a batch that neither can read at the same moment; a shared compressor ended the process."""
    done = subprocess.run([sys.executable, "-c", PACK], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
