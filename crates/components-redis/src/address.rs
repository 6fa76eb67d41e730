//! The `url` field: one or more addresses of Redis, divided by commas.

use millrace_spec::percent_decode;

/// Where Redis is; credentials and database are those of the last address, as in Bento.
#[derive(Clone)]
pub struct Addresses {
    /// Host and port of each.
    pub hosts: Vec<(String, u16)>,
    /// A socket in the file system instead.
    pub socket: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The number of the database.
    pub database: i64,
    /// Whether the scheme asks for TLS.
    pub tls: bool,
}

impl Addresses {
    /// Parses the field.
    ///
    /// # Errors
    /// What is wrong, without quoting a secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut addresses = Self {
            hosts: Vec::new(),
            socket: None,
            user: None,
            password: None,
            database: 0,
            tls: false,
        };
        for url in text.split(',') {
            addresses.add(url.trim())?;
        }
        Ok(addresses)
    }

    fn add(&mut self, url: &str) -> Result<(), String> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or("it is not `redis://host:6379`")?;
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        match scheme {
            "redis" | "tcp" => {}
            "rediss" => self.tls = true,
            "unix" => {
                self.socket = Some(rest.to_owned());
                return Ok(());
            }
            _ => return Err("its scheme is none of `redis`, `rediss`, `tcp`, `unix`".to_owned()),
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (credentials, host),
            None => ("", authority),
        };
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let decoded = |text: &str| match text {
            "" => Ok(None),
            text => percent_decode(text).map(Some),
        };
        self.user = decoded(user)?;
        self.password = decoded(password)?;
        if !path.is_empty() {
            self.database = path
                .trim_end_matches('/')
                .parse()
                .map_err(|_| "its path is not the number of a database")?;
        }
        self.hosts.push(host_and_port(host)?);
        Ok(())
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let host = if host.is_empty() { "localhost" } else { host };
    let port = match port.filter(|port| !port.is_empty()) {
        None => 6379,
        Some(port) => port
            .parse()
            .map_err(|_| "its port is not a number up to 65535")?,
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_in_bento() {
        let one = Addresses::parse("redis://us%40er:p%3Aa@db:7000/3").unwrap();
        assert_eq!(one.hosts, [("db".to_owned(), 7000)]);
        assert_eq!(
            (one.user.as_deref(), one.password.as_deref()),
            (Some("us@er"), Some("p:a"))
        );
        assert_eq!((one.database, one.tls), (3, false));
        let two = Addresses::parse("redis://:6397,rediss://[::1]:1/").unwrap();
        assert_eq!(
            two.hosts,
            [("localhost".to_owned(), 6397), ("::1".to_owned(), 1)]
        );
        assert!(two.tls);
        assert_eq!(
            Addresses::parse("tcp://localhost").unwrap().hosts[0].1,
            6379
        );
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_password() {
        for (url, reason) in [
            ("localhost:6379", "redis://host"),
            ("http://:secret@h", "scheme"),
            ("redis://:secret@h:port", "port"),
            ("redis://:secret@h/first", "database"),
            ("redis://:secret%@h", "%25"),
        ] {
            let Err(text) = Addresses::parse(url) else {
                panic!("{url} is accepted")
            };
            assert!(
                text.contains(reason) && !text.contains("secret"),
                "{url}: {text}"
            );
        }
    }
}
