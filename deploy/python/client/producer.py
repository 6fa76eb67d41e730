"""The producer: it sends records and says whether all of them have arrived."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError, UnknownError
from kafka.producer.future import FutureRecordMetadata

from client.metrics import MetricsServer, Values, pick
from client.settings import (
    ConfigError,
    check_at_least,
    check_servers,
    connecting,
    default_bootstrap_servers,
)

COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")
#: How long `flush` waits before it looks for batches that were made since, in seconds.
AGAIN = 0.1
METRICS = ("record_send_rate", "record_error_rate", "batch_size_avg", "request_latency_avg")


class AckMode(Enum):
    """Who must have a record before it counts as sent."""

    NONE = 0
    LEADER = 1
    ALL = "all"


class DeliveryError(RuntimeError):
    """Records have not arrived; the text says how many and why."""


@dataclass(frozen=True, kw_only=True)
class ProducerConfig:
    """The settings of a producer; times are in milliseconds, sizes in bytes."""

    bootstrap_servers: Sequence[str] = field(default_factory=default_bootstrap_servers)
    client_id: str = "producer"
    acks: AckMode = AckMode.ALL
    #: How often a record is sent again; the default leaves it to `delivery_timeout_ms`.
    retries: int = 2**31 - 1
    #: Whether the broker drops what is sent twice; without it, wherever the others allow it.
    enable_idempotence: bool | None = None
    max_in_flight_requests: int = 5
    batch_size: int = 16384
    #: How long a batch waits for more records.
    linger_ms: int = 0
    compression_type: str = "none"
    request_timeout_ms: int = 30000
    #: How long a record may take in all; without it two minutes, or what one request may take.
    delivery_timeout_ms: int | None = None
    #: Where `/metrics` is served; 0 takes a free port.
    metrics_port: int | None = None
    metrics_address: str = "127.0.0.1"
    #: Further settings of kafka-python's, such as `security_protocol`.
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_servers(self.bootstrap_servers)
        check_at_least(
            0, retries=self.retries, batch_size=self.batch_size, linger_ms=self.linger_ms
        )
        check_at_least(
            1,
            max_in_flight_requests=self.max_in_flight_requests,
            request_timeout_ms=self.request_timeout_ms,
        )
        if not isinstance(self.acks, AckMode):
            names = ", ".join(f"AckMode.{mode.name}" for mode in AckMode)
            raise ConfigError(f"acks is {self.acks!r}: use one of {names}")
        if self.compression_type not in COMPRESSIONS:
            raise ConfigError(
                f"compression_type is {self.compression_type!r}: "
                f"use one of {', '.join(COMPRESSIONS)}"
            )
        if self.enable_idempotence and (obstacle := self._obstacle()):
            raise ConfigError(f"enable_idempotence needs {obstacle}")

    def _obstacle(self) -> str | None:
        """What must be changed before the producer can be idempotent."""
        if self.acks is not AckMode.ALL:
            return f"acks=AckMode.ALL, not AckMode.{self.acks.name}"
        if self.max_in_flight_requests > 5:
            return f"max_in_flight_requests of at most 5, not {self.max_in_flight_requests}"
        return None if self.retries else "retries of at least 1"

    def settings(self) -> dict[str, Any]:
        """The same in the names of kafka-python."""
        idempotent = self.enable_idempotence
        one_request = self.linger_ms + self.request_timeout_ms
        return {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": self.client_id,
            "acks": self.acks.value,
            "retries": self.retries,
            "enable_idempotence": self._obstacle() is None if idempotent is None else idempotent,
            "max_in_flight_requests_per_connection": self.max_in_flight_requests,
            "batch_size": self.batch_size,
            "linger_ms": self.linger_ms,
            "compression_type": None if self.compression_type == "none" else self.compression_type,
            "request_timeout_ms": self.request_timeout_ms,
            "bootstrap_timeout_ms": self.request_timeout_ms,
            "delivery_timeout_ms": self.delivery_timeout_ms or max(120000, one_request),
            **self.more,
        }


class Producer:
    """Sends records; `start` it, or use it as a context."""

    def __init__(self, config: ProducerConfig | None = None) -> None:
        self.config = config or ProducerConfig()
        self._producer: KafkaProducer | None = None
        self._metrics_server: MetricsServer | None = None
        self._changed = threading.Condition()
        self._waiting = 0
        self._failed = 0
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Connects to the cluster."""
        if self._producer is not None:
            return
        with connecting(self.config.bootstrap_servers):
            try:
                self._producer = KafkaProducer(**self.config.settings())
            except RuntimeError as error:
                name = self.config.compression_type
                if "codec not found" not in str(error):
                    raise
                raise ConfigError(
                    f"compression_type {name!r} needs another package: "
                    f"`pip install kafka-python[{name}]`"
                ) from error
        if (port := self.config.metrics_port) is not None:
            address, client = self.config.metrics_address, self.config.client_id
            try:
                self._metrics_server = MetricsServer(self.metrics, port, address, client)
            except OSError:
                self.close()
                raise

    def send(
        self,
        topic: str,
        value: str | bytes | None = None,
        key: str | bytes | None = None,
        *,
        partition: int | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        timestamp_ms: int | None = None,
    ) -> FutureRecordMetadata:
        """Sends a record to a topic, which is made when it is not there; text goes as UTF-8.

        The future's `get` gives the place of the record, or raises what went wrong. Who does not
        ask it is told by `flush` and `close`.
        """
        packed = [(name, _bytes("a header", it) or b"") for name, it in (headers or {}).items()]
        future = self._started().send(
            topic,
            _bytes("value", value),
            _bytes("key", key),
            headers=packed,
            partition=partition,
            timestamp_ms=timestamp_ms,
        )
        with self._changed:
            self._waiting += 1
        future.add_callback(self._note, None)
        future.add_errback(self._note)
        return future

    def flush(self, timeout: float | None = None) -> None:
        """Waits until all that was sent has arrived, at most `timeout` seconds.

        Raises `DeliveryError` for records that have not arrived since the last call, and
        `TimeoutError` when some are still on their way.
        """
        self._flush(self._started(), timeout)
        self._tell()

    def close(self) -> None:
        """Sends what is left, which `delivery_timeout_ms` bounds, and ends; raises as `flush`."""
        if self._producer is None:
            return
        producer, self._producer = self._producer, None
        try:
            self._flush(producer, None)
        finally:
            if self._metrics_server is not None:
                self._metrics_server.close()
            producer.close()
        self._tell()

    def _flush(self, producer: KafkaProducer, timeout: float | None) -> None:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            try:
                producer.flush(left)
            except KafkaTimeoutError:
                pass
            except UnknownError as error:
                # A batch was too large and became two, for which kafka-python does not wait.
                if "Future not done" not in str(error):
                    raise
            with self._changed:
                if self._changed.wait_for(
                    lambda: not self._waiting, timeout=min(left or AGAIN, AGAIN)
                ):
                    return
                if left == 0:
                    raise TimeoutError(f"{self._waiting} records are on their way: flush once more")

    def metrics(self) -> Values:
        """`record_send_rate`, `record_error_rate`, `batch_size_avg`, `request_latency_avg` (ms)."""
        producer = self._producer
        return pick(producer.metrics() if producer else None, "producer-metrics", METRICS)

    @property
    def metrics_port(self) -> int | None:
        """The port where `/metrics` is served."""
        return self._metrics_server.port if self._metrics_server else None

    def _started(self) -> KafkaProducer:
        if self._producer is None:
            raise RuntimeError("the producer is not started: call `start()` first")
        return self._producer

    def _note(self, error: BaseException | None, _place: object = None) -> None:
        # From the thread that sends; only the first reason is kept.
        with self._changed:
            self._waiting -= 1
            if error is not None:
                self._failed += 1
                self._failure = self._failure or error
            if not self._waiting:
                self._changed.notify_all()

    def _tell(self) -> None:
        with self._changed:
            failed, failure = self._failed, self._failure
            self._failed, self._failure = 0, None
        if failed:
            raise DeliveryError(
                f"{failed} records have not arrived ({failure}): send them again when the "
                "broker is well, or raise request_timeout_ms and retries"
            ) from failure

    def __enter__(self) -> "Producer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _bytes(what: str, given: str | bytes | None) -> bytes | None:
    if isinstance(given, str):
        return given.encode()
    if given is None or isinstance(given, bytes):
        return given
    kind = type(given).__name__
    raise TypeError(f"{what} is of type {kind}: give text or bytes, such as json.dumps of it")
