"""The metadata of a cluster, as a backup needs it."""

from collections.abc import Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from client.settings import check_servers, connecting, default_bootstrap_servers


class ClusterCoordinator:
    """Asks the cluster of a broker."""

    def __init__(self, broker_id: int, bootstrap_servers: Sequence[str] | None = None) -> None:
        self.broker_id = broker_id
        self.bootstrap_servers = list(bootstrap_servers or default_bootstrap_servers())
        check_servers(self.bootstrap_servers)

    @property
    def cluster_metadata(self) -> dict[str, Any]:
        """The cluster, its brokers, its topics with their partitions and what is set for them.

        It is asked for anew each time, and JSON can hold it. Records and the offsets of groups are
        not in it: they are in the data directory.
        """
        with connecting(self.bootstrap_servers):
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            return self._ask(admin)
        finally:
            admin.close()

    def _ask(self, admin: KafkaAdminClient) -> dict[str, Any]:
        cluster = admin.describe_cluster()
        brokers = [_pick(it, "broker_id", "host", "port", "rack") for it in cluster["brokers"]]
        if self.broker_id not in (known := [it["broker_id"] for it in brokers]):
            raise LookupError(
                f"broker {self.broker_id} is not in the cluster of "
                f"{', '.join(self.bootstrap_servers)}: give one of {known}"
            )
        topics = [it for it in admin.describe_topics() if not it["is_internal"]]
        return {
            "cluster_id": cluster["cluster_id"],
            "controller_id": cluster["controller_id"],
            "brokers": brokers,
            "topics": _topics(topics, _configs(admin, [it["name"] for it in topics])),
        }


def _configs(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """What is set for each topic, without what it has from the broker."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    described = admin.describe_configs(resources)["topic"]
    return {name: {key: entry["value"] for key, entry in described[name].items()} for name in names}


def _topics(described: list[Any], configs: dict[str, dict[str, str]]) -> dict[str, Any]:
    fields = ("partition_index", "leader_id", "replica_nodes", "isr_nodes")
    return {
        topic["name"]: {
            "topic_id": str(topic["topic_id"]),
            "partitions": [_pick(it, *fields) for it in topic["partitions"]],
            "config": configs[topic["name"]],
        }
        for topic in described
    }


def _pick(given: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {field: given[field] for field in fields}
