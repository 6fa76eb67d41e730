"""What a client counts, by the names of the operations guide, for programs and for Prometheus."""

import math
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily

Values = dict[str, float]


def pick(
    groups: Mapping[str, Mapping[str, float]] | None, group: str, names: Iterable[str]
) -> Values:
    """Values of one group of kafka-python's; 0 for what has not been measured yet."""
    found = (groups or {}).get(group, {})
    values = {name: found.get(name.replace("_", "-"), 0.0) for name in names}
    return {name: value if math.isfinite(value) else 0.0 for name, value in values.items()}


class MetricsServer:
    """Serves values at `/metrics` until it is closed."""

    def __init__(self, read: Callable[[], Values], port: int, address: str, client_id: str) -> None:
        self._read = read
        self._client_id = client_id
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(port, address, registry)
        except OSError as error:
            raise OSError(
                error.errno,
                f"metrics cannot be served at {address}:{port} ({error.strerror}): "
                "give another metrics_port",
            ) from error
        self.port: int = self._server.server_port

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One gauge for each value, when Prometheus asks."""
        for name, value in self._read().items():
            family = GaugeMetricFamily(name, "See the operations guide.", labels=["client_id"])
            family.add_metric([self._client_id], value)
            yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is read before Prometheus asks."""
        return []

    def close(self) -> None:
        """Closes the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
