//! SASL.

use crate::config::key::{Key, boolean, class, double, int, list, long, password, short, string};
use crate::config::note::{ALONE, JAVA, MECHANISM, RUNNING, TOKENS};

pub(super) const KEYS: &[Key] = &[
    list("sasl.enabled.mechanisms")
        .default("GSSAPI")
        .differs(RUNNING)
        .doc("The mechanisms that clients may use."),
    string("sasl.mechanism.inter.broker.protocol")
        .default("GSSAPI")
        .per_broker()
        .unused(ALONE)
        .doc("The mechanism between brokers."),
    string("sasl.mechanism.controller.protocol")
        .default("GSSAPI")
        .unused(ALONE)
        .doc("The mechanism towards controllers."),
    password("sasl.jaas.config").differs(RUNNING).doc(
        "Users in the notation of JAAS; `listener.name.NAME.plain.sasl.jaas.config` has those of \
             one listener.",
    ),
    class("sasl.server.callback.handler.class")
        .unused(JAVA)
        .doc("A class that checks credentials."),
    int("sasl.server.max.receive.size")
        .default("524288")
        .doc("How large a request of SASL may be."),
    class("sasl.client.callback.handler.class")
        .unused(JAVA)
        .doc("A class that gives credentials."),
    class("sasl.login.callback.handler.class")
        .unused(JAVA)
        .doc("A class that logs in."),
    class("sasl.login.class")
        .unused(JAVA)
        .doc("A class that renews logins."),
    int("sasl.login.connect.timeout.ms")
        .unused(ALONE)
        .doc("How long a connection to a provider of identities may take."),
    int("sasl.login.read.timeout.ms")
        .unused(ALONE)
        .doc("How long such a provider may take to answer."),
    short("sasl.login.refresh.buffer.seconds")
        .default("300")
        .per_broker()
        .unused(ALONE)
        .doc("How long before its end a credential is renewed."),
    short("sasl.login.refresh.min.period.seconds")
        .default("60")
        .per_broker()
        .unused(ALONE)
        .doc("How long a credential is kept at least."),
    double("sasl.login.refresh.window.factor")
        .default("0.8")
        .per_broker()
        .unused(ALONE)
        .doc("After which part of its life a credential is renewed."),
    double("sasl.login.refresh.window.jitter")
        .default("0.05")
        .per_broker()
        .unused(ALONE)
        .doc("By how much that differs at random."),
    long("sasl.login.retry.backoff.ms")
        .default("100")
        .unused(ALONE)
        .doc("How long to pause after a failed login."),
    long("sasl.login.retry.backoff.max.ms")
        .default("10000")
        .unused(ALONE)
        .doc("The longest such pause."),
    string("sasl.kerberos.kinit.cmd")
        .default("/usr/bin/kinit")
        .per_broker()
        .unused(MECHANISM)
        .doc("The program that gets tickets of Kerberos."),
    long("sasl.kerberos.min.time.before.relogin")
        .default("60000")
        .per_broker()
        .unused(MECHANISM)
        .doc("How long to wait at least between logins."),
    list("sasl.kerberos.principal.to.local.rules")
        .default("DEFAULT")
        .per_broker()
        .unused(MECHANISM)
        .doc("How principals of Kerberos become names of users."),
    string("sasl.kerberos.service.name")
        .per_broker()
        .unused(MECHANISM)
        .doc("The name of the service in Kerberos."),
    double("sasl.kerberos.ticket.renew.jitter")
        .default("0.05")
        .per_broker()
        .unused(MECHANISM)
        .doc("By how much the renewal of tickets differs at random."),
    double("sasl.kerberos.ticket.renew.window.factor")
        .default("0.8")
        .per_broker()
        .unused(MECHANISM)
        .doc("After which part of its life a ticket is renewed."),
    string("sasl.oauthbearer.assertion.algorithm")
        .default("RS256")
        .one_of_any_case(&["ES256", "RS256"])
        .unused(MECHANISM)
        .doc("How assertions are signed."),
    string("sasl.oauthbearer.assertion.claim.aud")
        .unused(MECHANISM)
        .doc("For whom assertions are."),
    int("sasl.oauthbearer.assertion.claim.exp.seconds")
        .default("300")
        .between(0, 86400)
        .unused(MECHANISM)
        .doc("How long assertions are valid."),
    string("sasl.oauthbearer.assertion.claim.iss")
        .unused(MECHANISM)
        .doc("Who issues assertions."),
    boolean("sasl.oauthbearer.assertion.claim.jti.include")
        .default("false")
        .unused(MECHANISM)
        .doc("Whether assertions have an id."),
    int("sasl.oauthbearer.assertion.claim.nbf.seconds")
        .default("60")
        .between(0, 3600)
        .unused(MECHANISM)
        .doc("From how long ago assertions are valid."),
    string("sasl.oauthbearer.assertion.claim.sub")
        .unused(MECHANISM)
        .doc("Whom assertions are about."),
    string("sasl.oauthbearer.assertion.file")
        .unused(MECHANISM)
        .doc("A file with an assertion."),
    string("sasl.oauthbearer.assertion.private.key.file")
        .unused(MECHANISM)
        .doc("The key that signs assertions."),
    password("sasl.oauthbearer.assertion.private.key.passphrase")
        .unused(MECHANISM)
        .doc("The password of that key."),
    string("sasl.oauthbearer.assertion.template.file")
        .unused(MECHANISM)
        .doc("A file with the fields of assertions."),
    string("sasl.oauthbearer.client.credentials.client.id")
        .unused(MECHANISM)
        .doc("The id of this client at the provider of tokens."),
    password("sasl.oauthbearer.client.credentials.client.secret")
        .unused(MECHANISM)
        .doc("The secret of this client there."),
    int("sasl.oauthbearer.clock.skew.seconds")
        .default("30")
        .unused(MECHANISM)
        .doc("By how much clocks may differ."),
    list("sasl.oauthbearer.expected.audience")
        .default("")
        .unused(MECHANISM)
        .doc("For whom a token must be."),
    string("sasl.oauthbearer.expected.issuer")
        .unused(MECHANISM)
        .doc("Who must have issued a token."),
    long("sasl.oauthbearer.jwks.endpoint.refresh.ms")
        .default("3600000")
        .unused(MECHANISM)
        .doc("How often the keys of tokens are fetched again."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms")
        .default("100")
        .unused(MECHANISM)
        .doc("How long to pause after that failed."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms")
        .default("10000")
        .unused(MECHANISM)
        .doc("The longest such pause."),
    string("sasl.oauthbearer.jwks.endpoint.url")
        .unused(MECHANISM)
        .doc("Where the keys of tokens are."),
    class("sasl.oauthbearer.jwt.retriever.class")
        .default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever")
        .unused(JAVA)
        .doc("A class that fetches tokens."),
    class("sasl.oauthbearer.jwt.validator.class")
        .default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator")
        .unused(JAVA)
        .doc("A class that checks tokens."),
    string("sasl.oauthbearer.scope")
        .unused(MECHANISM)
        .doc("The scope that is asked for."),
    string("sasl.oauthbearer.scope.claim.name")
        .default("scope")
        .unused(MECHANISM)
        .doc("The claim that holds the scope."),
    string("sasl.oauthbearer.sub.claim.name")
        .default("sub")
        .unused(MECHANISM)
        .doc("The claim that holds the user."),
    string("sasl.oauthbearer.token.endpoint.url")
        .unused(MECHANISM)
        .doc("Where tokens are fetched."),
    password("delegation.token.secret.key")
        .unused(TOKENS)
        .doc("What delegation tokens are signed with."),
    long("delegation.token.max.lifetime.ms")
        .default("604800000")
        .at_least(1)
        .unused(TOKENS)
        .doc("How long a delegation token can be renewed."),
    long("delegation.token.expiry.time.ms")
        .default("86400000")
        .at_least(1)
        .unused(TOKENS)
        .doc("After how long a delegation token must be renewed."),
    long("delegation.token.expiry.check.interval.ms")
        .default("3600000")
        .at_least(1)
        .unused(TOKENS)
        .doc("How often old delegation tokens are removed."),
];
