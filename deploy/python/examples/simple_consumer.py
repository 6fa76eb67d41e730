"""Prints the records of a topic, as a member of a group, until it is stopped.

    python examples/simple_consumer.py

Who starts it again and again has more members, up to one for each partition. The checksum of each
batch is checked; what is on the standard error says which offsets the partitions have.
"""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

# The package need not be installed for its own examples.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from client.consumer import Consumer, ConsumerConfig, OffsetResetPolicy
from client.settings import ClusterUnreachable


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Print the records of a topic.")
    parser.add_argument("--topic", default="test-topic")
    parser.add_argument("--group", default="my-group", help="a new one begins at the first record")
    parser.add_argument("--metrics-port", type=int, help="serve /metrics there, for Prometheus")
    return parser.parse_args()


def text(value: bytes | None) -> str:
    """What a terminal can show."""
    return "" if value is None else value.decode(errors="backslashreplace")


def consume(consumer: Consumer) -> None:
    """Prints what comes; ends by a signal."""
    assigned = None
    while True:
        records = consumer.poll(timeout_ms=500)
        if consumer.assignment() != assigned:
            assigned = consumer.assignment()
            for (topic, partition), (first, end) in sorted(consumer.bounds().items()):
                print(f"reading {topic}-{partition}: offsets {first} to {end}", file=sys.stderr)
        for it in records:
            print(
                f"{it.topic}-{it.partition}@{it.offset} {text(it.key)} {text(it.value)}", flush=True
            )


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Ends as Ctrl-C does: what was printed is committed."""
    raise KeyboardInterrupt


def main() -> None:
    """Subscribes, prints, and leaves the group at the end."""
    signal.signal(signal.SIGTERM, stop)
    arguments = parsed()
    config = ConsumerConfig(
        group_id=arguments.group,
        auto_offset_reset=OffsetResetPolicy.EARLIEST,
        metrics_port=arguments.metrics_port,
    )
    try:
        with Consumer(config) as consumer:
            consumer.subscribe([arguments.topic])
            consume(consumer)
    except KeyboardInterrupt:
        pass
    except ClusterUnreachable as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
