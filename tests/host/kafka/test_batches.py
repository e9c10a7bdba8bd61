"""How much is handled at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from icecube_plugin.host.kafka.batch_consumer import BatchConsumer
from icecube_plugin.host.tail import CHUNK_BYTES


class Large:
    """A message of which only the size matters [bytes]."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


class Client:
    """A client of Kafka that has all of these messages at hand."""

    def __init__(self, messages: list[Large]) -> None:
        self.left = messages

    def poll(self, timeout: float) -> Large | None:
        return self.left.pop(0) if self.left else None

    def consume(self, count: int, timeout: float) -> list[Large]:
        taken, self.left = self.left[:count], self.left[count:]
        return taken


class Source(BatchConsumer):
    """Reads until nothing comes."""

    def batches(self) -> Iterator[list[Any]]:
        while batch := self._events():
            yield batch


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 30))
def test_large_messages_are_handled_a_few_at_once(quarters: list[int], batch_size: int) -> None:
    """Each is copied often on its way; all that the client has at hand would be too much."""
    messages = [Large(quarter * CHUNK_BYTES // 4) for quarter in quarters]
    client: Any = Client(list(messages))
    reports: Any = None
    batches = list(Source(client, reports, batch_size).batches())
    assert [message for batch in batches for message in batch] == messages
    assert all(len(batch) <= batch_size for batch in batches)
    assert all(sum(map(len, batch[:-1])) < CHUNK_BYTES for batch in batches)
