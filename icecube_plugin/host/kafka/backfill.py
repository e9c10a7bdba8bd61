"""A part of the past, from every partition, then an end."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from icecube_hooks import ConfigError, Message
from icecube_plugin.disk import replace_file
from icecube_plugin.host.config import KafkaConfig

from .advice import KafkaFailure
from .batch_consumer import BatchConsumer
from .connect import (
    CONNECT_TIMEOUT_S,
    connect,
    coordinates,
    message_from,
    where,
    why_missing,
)
from .positions import Partition, ends, name_of
from .reports import ClientReports
from .topics import check_topics, present, wanted_topics

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["BackfillSource", "OffsetRange", "Run"]

log = logging.getLogger(__name__)

Ranges = dict[Partition, tuple[int, int]]
"""By topic and partition: the next offset to read, and the one after the last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OffsetRange:
    """Offsets of one partition, both ends included."""

    topic: str
    partition: int
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``topic:partition:first-last``, or ``topic:partition:offset`` for one message.

        Raises
        ------
        ConfigError
            If it is something else.

        Examples
        --------
        >>> OffsetRange.parse("gcn.circulars:0:100-199").last
        199
        """
        match = re.fullmatch(r"([\w.-]+):(\d{1,9}):(\d{1,18})(?:-(\d{1,18}))?", text, re.ASCII)
        if match is None:
            raise ConfigError(
                f"{text!r:.80} is not a range", hint="such as gcn.circulars:0:100-199"
            )
        first, last = int(match[3]), int(match[4] or match[3])
        if last < first:
            raise ConfigError(f"{text!r:.80} ends before it begins")
        return cls(topic=match[1], partition=int(match[2]), first=first, last=last)


class Run:
    """What is left of a back-fill that has a name, in a file, so that it outlives the process.

    Parameters
    ----------
    path : Path
        The file; made by the first `save`.
    request : str
        What is asked for, in words: a run goes on only with the words that began it.
    """

    def __init__(self, path: Path, request: str) -> None:
        self.path = path
        self.request = request

    def load(self) -> dict[str, Any] | None:
        """Return what was saved, or None if this run is new.

        Raises
        ------
        ConfigError
            If the file is of another request, or cannot be read.
        """
        try:
            saved: dict[str, Any] = json.loads(self.path.read_bytes())
            began_with = saved["request"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"cannot read {self.path}: {error}") from error
        if began_with != self.request:
            raise ConfigError(
                f"the run was begun with {began_with!r}, not {self.request!r}",
                hint=f"take another name, or remove {self.path}",
            )
        return saved

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state in one step: the file is the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"request": self.request, **state})
        replace_file(self.path, text.encode(), sync=True)


class BackfillSource(BatchConsumer):
    """Messages of the past, from every partition, up to what is there when the source is made.

    Parameters
    ----------
    config : KafkaConfig
    since, until : datetime, optional
        First and last Kafka time stamp [UTC].
    last : int, optional
        Instead: the newest messages of each topic, that many.
    offsets : iterable of OffsetRange, optional
        Instead: these; they name their topics.
    topics : sequence of str, optional
        Instead of those of `config`; each must exist. Heartbeats are never read.
    claimed : sequence of str, optional
        Read where nobody names a topic: what parsers claim.
    batch_size : int
    run : Run, optional
        Keeps what is left at each `commit`, and where to go on.

    Attributes
    ----------
    total : int
        Number of offsets in the ranges: an upper bound of the number of messages.

    Raises
    ------
    ConfigError, KafkaFailure
        See `connect`, `check_topics` and `Run.load`.
    """

    def __init__(
        self,
        config: KafkaConfig,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        last: int | None = None,
        offsets: Iterable[OffsetRange] = (),
        topics: Sequence[str] = (),
        claimed: Sequence[str] = (),
        batch_size: int = 500,
        run: Run | None = None,
    ) -> None:
        reports = ClientReports(where(config))
        consumer, there = connect(
            config,
            group_id=f"{config.group_id or 'icecube-alerts'}-backfill",
            reports=reports,
        )
        super().__init__(consumer, reports, batch_size)
        self.since, self.until, self._run = since, until, run
        self._config = config
        self._left: Ranges = {}
        self.total = 0
        try:
            saved = None if run is None else run.load()
            if saved is not None:
                self._go_on(saved)
                return
            offsets = tuple(offsets)
            asked = tuple(dict.fromkeys(r.topic for r in offsets)) or topics
            wanted, named = wanted_topics(config, asked, claimed)
            check_topics(wanted, there, named=named, why=why_missing(consumer))
            self._left = self._ranges(present(wanted, there), last, offsets)
        except BaseException:
            self.close()
            raise
        self.total = self._number_left()

    @property
    def done(self) -> int:
        """Number of offsets of `total` that have been yielded or passed over."""
        return self.total - self._number_left()

    def batches(self) -> Iterator[list[Message]]:
        """Yield messages until every partition has been read to where it ended at the start."""
        self._assign(self._left)
        while self._left:
            yield [m for event in self._events() if (m := self._taken(event)) is not None]

    def commit(self) -> None:
        """Keep what is left, if the run has a name; no trace is left in a consumer group."""
        if self._run is not None:
            self._run.save(
                {
                    "since": None if self.since is None else self.since.isoformat(),
                    "until": None if self.until is None else self.until.isoformat(),
                    "total": self.total,
                    "left": [[*key, *span] for key, span in self._left.items()],
                }
            )

    def _go_on(self, saved: Mapping[str, Any]) -> None:
        """Take over what an earlier process has left."""
        self.since, self.until = (
            None if saved[name] is None else datetime.fromisoformat(saved[name])
            for name in ("since", "until")
        )
        self.total = saved["total"]
        self._left = {(topic, number): (at, end) for topic, number, at, end in saved["left"]}
        if not self._left and self._run is not None:
            log.warning("this run is complete; to do it again, remove %s", self._run.path)

    def _number_left(self) -> int:
        return sum(end - at for at, end in self._left.values())

    def _assign(self, ranges: Ranges) -> None:
        import confluent_kafka

        self.consumer.assign(
            [confluent_kafka.TopicPartition(t, p, at) for (t, p), (at, _) in ranges.items()]
        )

    def _taken(self, event: confluent_kafka.Message) -> Message | None:
        """Note how far its partition is read, and return its message if it is one to handle."""
        topic, partition, offset = coordinates(event)
        error = event.error()
        at, end = self._left.get((topic, partition), (0, 0))
        if error is not None:
            self._note_error(event)
            if error.name() == "_PARTITION_EOF":  # the last offsets may hold no message
                self._left.pop((topic, partition), None)
            return None
        if not at <= offset < end:
            return None
        if offset + 1 < end:
            self._left[topic, partition] = (offset + 1, end)
        else:
            del self._left[topic, partition]
        is_wanted = event.value() is not None and self._is_in_time(
            event
        )  # a tombstone says nothing
        return message_from(event) if is_wanted else None

    def _is_in_time(self, event: confluent_kafka.Message) -> bool:
        """Check the time again: stamps need not ascend inside a partition."""
        stamp = event.timestamp()[1] / 1000
        too_early = self.since is not None and stamp < self.since.timestamp()
        too_late = self.until is not None and stamp > self.until.timestamp()
        return not too_early and not too_late

    def _ranges(
        self, topics: Sequence[str], last: int | None, offsets: Sequence[OffsetRange]
    ) -> Ranges:
        """Find what to read, leaving out empty ranges."""
        whole = self._ends(topics)
        if offsets:
            ranges = _inside(offsets, whole)
        elif last is not None:
            ranges = self._newest(last, whole)
        else:
            starts = self._since_starts(whole)
            ranges = {key: (starts[key], high) for key, (_, high) in whole.items()}
        return {key: (at, end) for key, (at, end) in ranges.items() if at < end}

    def _ends(self, topics: Sequence[str]) -> Ranges:
        """Return the first offset and the one after the last of all partitions."""
        import confluent_kafka

        known = self.consumer.list_topics(timeout=CONNECT_TIMEOUT_S).topics
        keys = [(topic, number) for topic in topics for number in known[topic].partitions]
        asked = [confluent_kafka.TopicPartition(*key) for key in keys]
        found = ends(self.consumer, asked, CONNECT_TIMEOUT_S)
        if unknown := [name_of(key) for key in keys if key not in found]:
            raise KafkaFailure(f"{where(self._config)} does not say what {unknown[0]} has")
        return found

    def _since_starts(self, whole: Ranges) -> dict[Partition, int]:
        """Return the first offset that is not older than `since`."""
        import confluent_kafka

        if self.since is None or not whole:
            return {key: low for key, (low, _) in whole.items()}
        stamp = int(self.since.timestamp() * 1000)
        asked = [confluent_kafka.TopicPartition(t, p, stamp) for t, p in whole]
        found = self.consumer.offsets_for_times(asked, timeout=CONNECT_TIMEOUT_S)
        answers = {(tp.topic, tp.partition): tp.offset for tp in found}
        # An answer below 0 means that no message is that new: the range is empty.
        return {
            key: max(answers[key], low) if answers[key] >= 0 else high
            for key, (low, high) in whole.items()
        }

    def _newest(self, last: int, whole: Ranges) -> Ranges:
        """Return the ends of the partitions that together hold the newest messages of a topic."""
        tails = {key: (max(low, high - last), high) for key, (low, high) in whole.items()}
        by_topic: dict[str, Ranges] = {}
        for key, span in tails.items():
            if span[0] < span[1]:
                by_topic.setdefault(key[0], {})[key] = span
        for topic in by_topic.values():
            if len(topic) > 1:  # which of their messages are newer is known to those who look
                tails |= self._newest_of(last, topic)
        return tails

    def _newest_of(self, last: int, tails: Ranges) -> Ranges:
        """Look through the tails of one topic's partitions for its newest messages."""
        self._left = dict(tails)
        arrivals: list[tuple[datetime, Partition, int]] = []
        times: dict[Partition, datetime] = {}
        for message in (message for batch in self.batches() for message in batch):
            key, stamp, offset = _when_and_where(message)
            times[key] = max(times.get(key, stamp), stamp)  # nothing arrives before its forerunner
            arrivals.append((times[key], key, offset))
        newest = sorted(arrivals)[-last:]
        return {
            key: (min((o for _, k, o in newest if k == key), default=high), high)
            for key, (_, high) in tails.items()
        }


def _when_and_where(message: Message) -> tuple[Partition, datetime, int]:
    """Return partition, time stamp and offset, which every message of Kafka has."""
    partition = (message.topic or "", message.partition or 0)
    return partition, message.timestamp or datetime.min.replace(tzinfo=UTC), message.offset or 0


def _inside(offsets: Iterable[OffsetRange], whole: Ranges) -> Ranges:
    """Return the ranges cut to what the broker has; one range a partition.

    Raises
    ------
    ConfigError
        If a partition does not exist, or is named twice.
    """
    ranges: Ranges = {}
    for asked in offsets:
        key = (asked.topic, asked.partition)
        if key not in whole or key in ranges:
            what = "is named twice" if key in ranges else "does not exist"
            raise ConfigError(f"partition {asked.partition} of {asked.topic} {what}")
        low, high = whole[key]
        if asked.first < low or asked.last >= high:
            log.warning("the broker has offsets %d to %d of %s only", low, high - 1, name_of(key))
        ranges[key] = (max(asked.first, low), min(asked.last + 1, high))
    return ranges
