"""Where a partition is read from, decided here and not by the client's ``auto.offset.reset``.

What the group has committed counts. Without that, `start` says where a *new* group begins, once:
its first positions are committed at once, so a topic that stays quiet keeps its place. Partitions
that come later begin with their oldest message. What the broker has removed before it was read,
and a topic that was deleted and made again, are told.

Commits carry the id of their topic as metadata: offsets of a topic that was made again mean other
messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["Beginning", "Partition", "beginning", "ends", "name_of"]

Partition = tuple[str, int]
"""Topic and number."""

_LATEST, _EARLIEST = -1, -2  # what Kafka's ListOffsets request takes for a time


class Beginning(NamedTuple):
    """Where to begin, how many messages are lost, and why there, in words."""

    offset: int
    lost: int
    why: str
    is_gap: bool = False


WHERE_IT_STOPPED: Final = "where the group stopped"


def beginning(
    committed: int | None,
    oldest: int,
    end: int,
    *,
    is_new_topic: bool = False,
    skips_past: bool = False,
) -> Beginning:
    """Decide where a partition is read from.

    Parameters
    ----------
    committed : int, optional
        The next offset of the group.
    oldest, end : int
        The oldest offset that the broker has, and the one after the newest.
    is_new_topic : bool
        Whether the topic was made again since `committed`.
    skips_past : bool
        Whether a partition without an offset begins with what comes from now on.

    Examples
    --------
    >>> beginning(5, oldest=12, end=20).why
    'offsets 5 to 11 are lost: the broker has removed them before they were read'
    >>> beginning(None, oldest=12, end=20).offset
    12
    """
    if committed is None:
        why = "what comes from now on" if skips_past else "the oldest message"
        return Beginning(end if skips_past else oldest, 0, why)
    if is_new_topic or committed > end:
        why = "the topic was made again: what the old one still had is lost; from its oldest"
        return Beginning(oldest, 0, why, is_gap=True)
    if committed < oldest:
        what = f"offsets {committed} to {oldest - 1} are lost"
        why = f"{what}: the broker has removed them before they were read"
        return Beginning(oldest, oldest - committed, why, is_gap=True)
    return Beginning(committed, 0, WHERE_IT_STOPPED)


def ends(
    consumer: confluent_kafka.Consumer,
    partitions: list[confluent_kafka.TopicPartition],
    timeout_s: float,
) -> dict[Partition, tuple[int, int]]:
    """Return the oldest offset and the one after the newest, in two requests for all."""
    import confluent_kafka

    def ask(which: int) -> dict[Partition, int]:
        asked = [confluent_kafka.TopicPartition(p.topic, p.partition, which) for p in partitions]
        found = consumer.offsets_for_times(asked, timeout=timeout_s)
        return {(p.topic, p.partition): p.offset for p in found if p.error is None}

    oldest, end = ask(_EARLIEST), ask(_LATEST)
    return {key: (oldest[key], end[key]) for key in oldest.keys() & end.keys()}


def name_of(partition: Partition) -> str:
    """Return ``topic[number]``."""
    return f"{partition[0]}[{partition[1]}]"
