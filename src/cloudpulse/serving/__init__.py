"""The serving layer: answers from the lake, the counters and the journal's tail."""
