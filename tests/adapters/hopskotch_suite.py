"""The conformance suite on the Hopskotch sink, for the environment that has hop-client.

``python -m tests.adapters.hopskotch_suite`` starts a broker of its own, runs the suite without
pytest, and prints the name of each test that passed; one that does not ends it with a traceback.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from uuid import uuid4

from icecube_hooks import RefusedForGood, Sink
from icecube_hooks.testing import SinkConformance, make_record
from icecube_plugin.sinks.hopskotch import Hopskotch
from tests.kafka_broker.broker import KafkaBroker
from tests.sinks.kafka_reader import once, read


class Suite(SinkConformance):
    factory = Hopskotch
    bad_options = (
        {},
        {"url": 5, "no_auth": True},
        {"url": "", "no_auth": True},
        {"url": "https://example.org/topic", "no_auth": True},
        {"url": "kafka://example.org", "no_auth": True},
        {"url": "kafka://example.org/a,b", "no_auth": True},
        {"url": "kafka://a,b/topic", "no_auth": True},
        {"url": "kafka://user:password@example.org/topic", "no_auth": True},
        {"url": "kafka://example.org/gcn.notices.mine", "no_auth": True},
        {"url": "kafka://[/topic", "no_auth": True},
        {"url": "kafka://example.org/topic"},  # without hop-client's file of credentials
        {"url": "kafka://example.org/topic", "no_auth": 1},
        {"url": "kafka://example.org/topic", "no_auth": True, "timeout_s": 0},
    )

    def __init__(self, broker: KafkaBroker) -> None:
        self.broker = broker
        self.topic = f"icecube-records.{uuid4().hex}"
        broker.create_topic(self.topic)

    def make_sink(self) -> Hopskotch:
        url = f"kafka://{self.broker.bootstrap_servers}/{self.topic}"
        return Hopskotch(url=url, no_auth=True, timeout_s=120.0)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return list(once(read(self.broker, self.topic)))

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        assert isinstance(sink, Hopskotch)
        patience_s, sink.timeout_s = sink.timeout_s, 0.5  # nothing is there to be waited for
        self.broker.stop()
        yield
        self.broker.restart()
        sink.timeout_s = patience_s

    def test_a_record_that_is_too_large_is_refused(self) -> None:
        """By the broker, after which the sink takes others."""
        large = make_record(raw=b"x" * 1_200_000)
        sink = self.make_sink()
        try:
            sink.write([large])
            sink.flush()
            reason = "it went through"
        except RefusedForGood as error:
            reason = str(error)
        assert large.id in reason, reason
        sink.write([make_record()])
        self._expect(sink, [make_record()])


def main() -> None:
    """Run all tests on one broker."""
    with KafkaBroker() as broker:
        for name in sorted(dir(Suite)):
            if name.startswith("test_") and name != "test_probe_changes_nothing":  # it has none
                getattr(Suite(broker), name)()
                print(name)


if __name__ == "__main__":
    main()
