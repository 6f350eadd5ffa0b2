"""What is measured, by name, in the order in which it runs."""

from benchmarks.measures import batches, maintenance, memory, page, queries, singles, size, startup, steady
from benchmarks.run import Measure

MEASURES: dict[str, Measure] = {
    "startup": startup.measure,
    "page": page.measure,
    "steady": steady.measure,
    "singles": singles.measure,
    "batches": batches.measure,
    "size": size.measure,
    "queries": queries.measure,
    "memory": memory.measure,
    "maintenance": maintenance.measure,
}
