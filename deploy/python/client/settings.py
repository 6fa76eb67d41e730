"""What producers and consumers share: where the cluster is, and what may be set."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kafka.errors import KafkaConnectionError, KafkaTimeoutError

VARIABLE = "MILLRACE_BOOTSTRAP_SERVERS"


class ConfigError(ValueError):
    """A setting that cannot be used; the text says what to do."""


class ClusterUnreachable(ConnectionError):
    """No broker has answered; the text says where, and what to do."""


def default_bootstrap_servers() -> list[str]:
    """The cluster of `MILLRACE_BOOTSTRAP_SERVERS`, as for millrace's commands, or the local one."""
    return (os.environ.get(VARIABLE) or "localhost:9092").split(",")


def check_servers(servers: Sequence[str]) -> None:
    """Refuses what is no list of addresses; kafka-python would take a text apart."""
    if isinstance(servers, str) or not servers:
        raise ConfigError(
            f"bootstrap_servers is {servers!r}: it must be a list, as ['localhost:9092']"
        )


def check_at_least(least: int, **settings: int) -> None:
    """Refuses numbers that are too small."""
    for name, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{name} is {value!r}: it must be a whole number of at least {least}")


@contextmanager
def connecting(servers: Sequence[str]) -> Iterator[None]:
    """Says what to do when no broker answers."""
    try:
        yield
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        raise ClusterUnreachable(
            f"no broker answers at {', '.join(servers)} ({error}): start one with "
            "`python broker/broker.py 1 9092`, or name another one in bootstrap_servers "
            f"or {VARIABLE}"
        ) from error
