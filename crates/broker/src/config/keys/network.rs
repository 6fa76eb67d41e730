//! Listeners and connections.

use crate::config::key::{Key, int, list, long, string};
use crate::config::note::{ALONE, POOLS, RUNNING};

pub(super) const KEYS: &[Key] = &[
    list("listeners")
        .default("PLAINTEXT://:9092")
        .differs(RUNNING)
        .doc(
            "Where the broker listens: `NAME://HOST:PORT`, separated by commas; without a host, \
              everywhere.",
        ),
    list("advertised.listeners").doc(
        "Where clients are told to connect; without it the host of `listeners`, else the \
              address that the client came to.",
    ),
    string("listener.security.protocol.map")
        .default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")
        .differs(RUNNING)
        .doc("The security protocol of each name of a listener."),
    string("inter.broker.listener.name")
        .unused(ALONE)
        .doc("The listener by which brokers talk to each other."),
    string("security.inter.broker.protocol")
        .default("PLAINTEXT")
        .one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
        .unused(ALONE)
        .doc("The security protocol between brokers, where no listener is named for it."),
    list("early.start.listeners")
        .unused(ALONE)
        .doc("Listeners that open before the others."),
    int("socket.send.buffer.bytes")
        .default("102400")
        .doc("The send buffer of a socket; -1 leaves it to the operating system."),
    int("socket.receive.buffer.bytes")
        .default("102400")
        .doc("The receive buffer of a socket; -1 leaves it to the operating system."),
    int("socket.request.max.bytes")
        .default("104857600")
        .at_least(1)
        .doc("How large a request may be."),
    int("socket.listen.backlog.size")
        .default("50")
        .at_least(1)
        .doc("How many connections may wait to be accepted."),
    int("max.connections")
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc("How many connections the broker has at once."),
    int("max.connections.per.ip")
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc("How many connections one address has at once."),
    string("max.connections.per.ip.overrides")
        .default("")
        .cluster_wide()
        .doc("Other bounds for single hosts, such as `hostName:100,127.0.0.1:200`."),
    int("max.connection.creation.rate")
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc("How many connections are accepted in a second."),
    long("connections.max.idle.ms")
        .default("600000")
        .doc("After how long a connection is closed on which nothing happens."),
    long("connections.max.reauth.ms")
        .default("0")
        .at_least(0)
        .doc("How long a login of SASL holds: after that a request that is no new login ends the connection; 0 for ever."),
    int("connection.failed.authentication.delay.ms")
        .default("100")
        .at_least(0)
        .doc("How long a client waits that could not prove who it is."),
    int("queued.max.requests")
        .default("500")
        .at_least(1)
        .doc("How many requests wait at most, over all connections."),
    long("queued.max.request.bytes").default("-1").doc(
        "How many bytes of requests wait at most, over all connections; -1 is no bound of \
              its own.",
    ),
    int("fetch.max.bytes")
        .default("57671680")
        .at_least(1024)
        .doc(
            "How much one answer to a fetch holds, but for its first batch, which may be \
              larger.",
        ),
    int("max.incremental.fetch.session.cache.slots")
        .default("1000")
        .at_least(0)
        .doc("How many fetch sessions are remembered."),
    int("num.network.threads")
        .default("3")
        .at_least(1)
        .cluster_wide()
        .unused(POOLS)
        .doc("Threads that read requests and write answers."),
    long("socket.connection.setup.timeout.ms")
        .default("10000")
        .unused(ALONE)
        .doc("How long this broker waits for a connection to another one."),
    long("socket.connection.setup.timeout.max.ms")
        .default("30000")
        .unused(ALONE)
        .doc("How far that time grows when it fails again."),
];
