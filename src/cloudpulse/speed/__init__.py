"""The speed layer: batches become per-minute counters."""
