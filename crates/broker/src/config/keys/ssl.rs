//! TLS.

use crate::config::key::{Key, boolean, class, list, password, string};
use crate::config::note::{ACLS, ALONE, CERTIFICATES, JAVA, PEM, RUNNING, VERSIONS};

pub(super) const KEYS: &[Key] = &[
    string("ssl.client.auth")
        .default("none")
        .one_of(&["required", "requested", "none"])
        .differs(RUNNING)
        .doc("Whether clients must show a certificate."),
    string("ssl.protocol")
        .default("TLSv1.3")
        .differs(RUNNING)
        .unused(VERSIONS)
        .doc("The version of TLS that is used."),
    list("ssl.enabled.protocols")
        .default("TLSv1.2,TLSv1.3")
        .differs(RUNNING)
        .doc("The versions of TLS that are accepted."),
    list("ssl.cipher.suites")
        .default("")
        .differs(RUNNING)
        .doc("The cipher suites that are accepted."),
    string("ssl.provider")
        .differs(RUNNING)
        .unused(JAVA)
        .doc("The Java provider of TLS."),
    string("ssl.keystore.type")
        .default("JKS")
        .differs(RUNNING)
        .doc("The format of the key store."),
    string("ssl.keystore.location")
        .differs(RUNNING)
        .doc("The file of the key store."),
    password("ssl.keystore.password")
        .differs(RUNNING)
        .unused(PEM)
        .doc("The password of the key store."),
    password("ssl.key.password")
        .differs(RUNNING)
        .doc("The password of the key."),
    password("ssl.keystore.key")
        .differs(RUNNING)
        .doc("The key itself, in PEM."),
    password("ssl.keystore.certificate.chain")
        .differs(RUNNING)
        .doc("The certificates themselves, in PEM."),
    string("ssl.truststore.type")
        .default("JKS")
        .differs(RUNNING)
        .doc("The format of the trust store."),
    string("ssl.truststore.location")
        .differs(RUNNING)
        .doc("The file of the trust store."),
    password("ssl.truststore.password")
        .differs(RUNNING)
        .unused(PEM)
        .doc("The password of the trust store."),
    password("ssl.truststore.certificates")
        .differs(RUNNING)
        .doc("The trusted certificates themselves, in PEM."),
    string("ssl.keymanager.algorithm")
        .default("SunX509")
        .differs(RUNNING)
        .unused(JAVA)
        .doc("The Java algorithm of key managers."),
    string("ssl.trustmanager.algorithm")
        .default("PKIX")
        .differs(RUNNING)
        .unused(JAVA)
        .doc("The Java algorithm of trust managers."),
    string("ssl.endpoint.identification.algorithm")
        .default("https")
        .differs(RUNNING)
        .unused(ALONE)
        .doc("Whether the name of another broker must stand in its certificate."),
    string("ssl.secure.random.implementation")
        .differs(RUNNING)
        .unused(JAVA)
        .doc("The Java source of randomness."),
    class("ssl.engine.factory.class")
        .differs(RUNNING)
        .unused(JAVA)
        .doc("A class that makes TLS engines."),
    boolean("ssl.allow.dn.changes")
        .default("false")
        .unused(CERTIFICATES)
        .doc("Whether a new certificate may have another subject."),
    boolean("ssl.allow.san.changes")
        .default("false")
        .unused(CERTIFICATES)
        .doc("Whether a new certificate may have other alternative names."),
    string("ssl.principal.mapping.rules")
        .default("DEFAULT")
        .unused(ACLS)
        .doc("How the subject of a certificate becomes the name of a user."),
    class("principal.builder.class")
        .default("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder")
        .differs(RUNNING)
        .unused(ACLS)
        .doc("A class that makes users of connections."),
    string("security.providers")
        .unused(JAVA)
        .doc("Classes that make Java providers of security."),
];
