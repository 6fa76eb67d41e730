"""A plugin of pytest: the broker that MILLRACE_BROKER names, in the place of the container that aiokafka's suite starts.

Tests that need no broker are not run, and aiokafka is the installed one: it is imported before the
suite's own directory can be found.
"""

import os
import types

import aiokafka  # noqa: F401
import pytest

host, port = os.environ["MILLRACE_BROKER"].split(":")
server = types.SimpleNamespace(
    host=host,
    port=int(port),
    hosts=[f"{host}:{port}"],
    ssl_port=None,
    sasl_plain_port=None,
    sasl_ssl_port=None,
    container=None,
)
fixtures = {
    "docker": None,
    "kafka_image": None,
    "ssl_folder": None,
    "acl_manager": None,
    "kafka_config": None,
    "kerberos_utils": None,
    "kafka_server": server,
}


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    if fixturedef.argname not in fixtures:
        return None
    value = fixtures[fixturedef.argname]
    fixturedef.cached_result = (value, fixturedef.cache_key(request), None)
    # A hook that returns `None` is passed over, and the value is read from where it is kept.
    return True


def pytest_collection_modifyitems(config, items):
    with_broker = [item for item in items if "kafka_server" in item.fixturenames]
    config.hook.pytest_deselected(items=[item for item in items if item not in with_broker])
    items[:] = with_broker
