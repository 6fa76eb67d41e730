"""The consumer: it reads the records of topics, alone or as a member of a group."""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition

from client.metrics import MetricsServer, Values, pick
from client.settings import (
    ConfigError,
    check_at_least,
    check_servers,
    connecting,
    default_bootstrap_servers,
)

HOUR = 3600.0
METRICS = ("records_consumed_rate", "fetch_latency_avg")

#: A topic and the number of a partition.
Partition = tuple[str, int]


class OffsetResetPolicy(Enum):
    """Where a consumer begins that has no place yet."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, kw_only=True)
class ConsumerConfig:
    """The settings of a consumer; times are in milliseconds, sizes in bytes."""

    bootstrap_servers: Sequence[str] = field(default_factory=default_bootstrap_servers)
    client_id: str = "consumer"
    #: Members of a group share its partitions; without a group all is read, and nothing committed.
    group_id: str | None = None
    auto_offset_reset: OffsetResetPolicy = OffsetResetPolicy.LATEST
    enable_auto_commit: bool = True
    auto_commit_interval_ms: int = 5000
    max_poll_records: int = 500
    #: A fetch is answered when this much is there, or after `fetch_max_wait_ms`.
    fetch_min_bytes: int = 1
    fetch_max_wait_ms: int = 500
    fetch_max_bytes: int = 52428800
    max_partition_fetch_bytes: int = 1048576
    session_timeout_ms: int = 45000
    heartbeat_interval_ms: int = 3000
    max_poll_interval_ms: int = 300000
    request_timeout_ms: int = 30000
    #: Where `/metrics` is served; 0 takes a free port.
    metrics_port: int | None = None
    metrics_address: str = "127.0.0.1"
    #: Further settings of kafka-python's, such as `security_protocol`.
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_servers(self.bootstrap_servers)
        if not isinstance(self.auto_offset_reset, OffsetResetPolicy):
            names = ", ".join(f"OffsetResetPolicy.{it.name}" for it in OffsetResetPolicy)
            raise ConfigError(
                f"auto_offset_reset is {self.auto_offset_reset!r}: use one of {names}"
            )
        check_at_least(0, fetch_max_wait_ms=self.fetch_max_wait_ms)
        check_at_least(
            1,
            max_poll_records=self.max_poll_records,
            fetch_min_bytes=self.fetch_min_bytes,
            fetch_max_bytes=self.fetch_max_bytes,
            max_partition_fetch_bytes=self.max_partition_fetch_bytes,
            request_timeout_ms=self.request_timeout_ms,
        )

    def settings(self) -> dict[str, Any]:
        """The same in the names of kafka-python."""
        own = ("bootstrap_servers", "auto_offset_reset", "metrics_port", "metrics_address", "more")
        same = {name: value for name, value in vars(self).items() if name not in own}
        return {
            **same,
            "bootstrap_servers": list(self.bootstrap_servers),
            "auto_offset_reset": self.auto_offset_reset.value,
            "bootstrap_timeout_ms": self.request_timeout_ms,
            **self.more,
        }


@dataclass(frozen=True)
class Record:
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    #: Milliseconds since 1970.
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Consumer:
    """Reads records; used by one thread at a time."""

    def __init__(self, config: ConsumerConfig | None = None) -> None:
        self.config = config or ConsumerConfig()
        self._consumer: KafkaConsumer | None = None
        self._metrics_server: MetricsServer | None = None
        self._lags: dict[TopicPartition, int] = {}
        self._rebalances: deque[float] = deque(maxlen=10000)

    def start(self) -> None:
        """Connects to the cluster; `subscribe` does it, too."""
        if self._consumer is not None:
            return
        with connecting(self.config.bootstrap_servers):
            self._consumer = KafkaConsumer(**self.config.settings())
        if (port := self.config.metrics_port) is not None:
            address, client = self.config.metrics_address, self.config.client_id
            try:
                self._metrics_server = MetricsServer(self._served, port, address, client)
            except OSError:
                self.close()
                raise

    def subscribe(self, topics: Sequence[str]) -> None:
        """Reads these topics from now on; with a group, the partitions that are this member's."""
        if isinstance(topics, str):
            raise TypeError(f"topics is the text {topics!r}: give a list, as [{topics!r}]")
        self.start()
        self._started().subscribe(topics, listener=_Listener(self))

    def poll(self, timeout_ms: int = 1000) -> list[Record]:
        """At most `max_poll_records` records, partition by partition; [] when none came in time."""
        consumer = self._started()
        records = []
        for place, found in consumer.poll(timeout_ms=timeout_ms).items():
            end = consumer.highwater(place)
            if found and end is not None:
                self._lags[place] = max(0, end - found[-1].offset - 1)
            records += [
                Record(
                    it.topic, it.partition, it.offset, it.timestamp, it.key, it.value, it.headers
                )
                for it in found
            ]
        return records

    def __iter__(self) -> Iterator[Record]:
        """Records, for ever."""
        while True:
            yield from self.poll()

    def commit(self) -> None:
        """Commits all that `poll` has given, and waits for it."""
        self._started().commit()

    def assignment(self) -> set[Partition]:
        """The partitions that this consumer reads now."""
        return {(place.topic, place.partition) for place in self._started().assignment()}

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Reads nothing more of these partitions for now."""
        self._started().pause(*(TopicPartition(*it) for it in partitions))

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Reads these partitions again."""
        self._started().resume(*(TopicPartition(*it) for it in partitions))

    def bounds(self) -> dict[Partition, tuple[int, int]]:
        """The first offset of each partition that it reads, and the one after its last."""
        consumer = self._started()
        places = list(consumer.assignment())
        first, end = consumer.beginning_offsets(places), consumer.end_offsets(places)
        return {(it.topic, it.partition): (first[it], end[it]) for it in places}

    def close(self) -> None:
        """Commits, if it does so by itself, and leaves the group."""
        if self._consumer is None:
            return
        consumer, self._consumer = self._consumer, None
        if self._metrics_server is not None:
            self._metrics_server.close()
        consumer.close()

    def metrics(self) -> Values:
        """`records_consumed_rate`, `fetch_latency_avg` (ms), `consumer_lag`, `rebalance_rate`.

        The lag is that of the last poll, over all partitions; the rate of rebalances is how many
        there were in the last hour.
        """
        return {**self._served(), "consumer_lag": float(sum(list(self._lags.values())))}

    @property
    def metrics_port(self) -> int | None:
        """The port where `/metrics` is served."""
        return self._metrics_server.port if self._metrics_server else None

    def _served(self) -> Values:
        """What `/metrics` has.

        Not `consumer_lag`: the broker has it, for consumers that are gone, too.
        """
        consumer = self._consumer
        group = "consumer-fetch-manager-metrics"
        values = pick(consumer.metrics() if consumer else None, group, METRICS)
        since = time.monotonic() - HOUR
        rebalances = sum(at > since for at in list(self._rebalances))
        return {**values, "rebalance_rate": float(rebalances)}

    def _started(self) -> KafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("the consumer is not started: call `subscribe([…])` first")
        return self._consumer

    def __enter__(self) -> "Consumer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc, unused-ignore]
    """Counts rebalances, and forgets the lag of partitions that are another's now."""

    def __init__(self, consumer: Consumer) -> None:
        self._of = consumer

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """What is kept comes again."""
        self._of._lags.clear()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """A rebalance is over."""
        self._of._rebalances.append(time.monotonic())
