"""Answers of the lake, kept by what they were computed from: they can be old news, but never wrong."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """At most ``capacity`` units of values, the least recently used go first; safe to share between threads."""

    def __init__(self, capacity: int, weight: Callable[[Value], int]) -> None:
        self._capacity = capacity
        self._weight = weight
        self._used = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()
            self._used = 0

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, unless it alone is heavier than all that may be kept."""
        weight = self._weight(value)
        if weight > self._capacity:
            return
        with self._lock:
            previous = self._values.pop(key, None)
            self._used += weight - (0 if previous is None else self._weight(previous))
            self._values[key] = value
            while self._used > self._capacity:
                _, gone = self._values.popitem(last=False)
                self._used -= self._weight(gone)
