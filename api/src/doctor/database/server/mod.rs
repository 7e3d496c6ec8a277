//! A MySQL or MariaDB server.

mod answers;
mod reach;

use std::path::Path;

use url::Url;

use super::GROUP;
use crate::db::{MysqlAccess, MysqlExaminer, NoConnection};
use crate::doctor::{Check, PATIENCE};

/// What is known of the server from its URL or its secret. The password is not among it.
struct Server {
    host: String,
    port: u16,
    user: String,
    database: String,
    is_loopback: bool,
    named_in: NamedIn,
}

/// What to correct when the server is not the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NamedIn {
    Url,
    Secret,
}

impl NamedIn {
    fn as_str(self) -> &'static str {
        match self {
            Self::Url => "DATABASE_URL",
            Self::Secret => "the secret of DATABASE_SECRET_ARN",
        }
    }
}

impl Server {
    fn reached_by(access: MysqlAccess<'_>) -> Option<Self> {
        let url = match access {
            MysqlAccess::Url(url) => Url::parse(url).ok()?,
            MysqlAccess::Login(login) => {
                return Some(Self {
                    host: login.host.clone(),
                    port: login.port,
                    user: login.user.clone(),
                    database: login.database.clone(),
                    is_loopback: false,
                    named_in: NamedIn::Secret,
                });
            }
        };
        // An IPv6 address stands in brackets.
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some(Self {
            host,
            port: url.port().unwrap_or(3306),
            user: url.username().to_owned(),
            database: url.path().trim_matches('/').to_owned(),
            is_loopback: false,
            named_in: NamedIn::Url,
        })
    }

    fn grant(&self, privileges: &str) -> String {
        format!(
            "as an administrator of the server: GRANT {privileges} ON `{}`.* TO '{}'@'HOST'",
            self.database, self.user
        )
    }
}

/// Looks at a MySQL or MariaDB server.
pub(super) async fn examine(access: MysqlAccess<'_>, ca: Option<&Path>) -> Vec<Check> {
    let Some(mut server) = Server::reached_by(access) else {
        let advice = "set DATABASE_URL to mysql://USER:PASSWORD@HOST:PORT/DATABASE";
        return vec![Check::failure(
            GROUP,
            "address",
            "the URL cannot be read",
            advice,
        )];
    };
    let mut checks = Vec::new();
    let addresses = match reach::resolve(&server).await {
        Ok(addresses) => addresses,
        Err(check) => {
            checks.push(check);
            checks.extend(skip_from("connection", "the host is not known"));
            return checks;
        }
    };
    server.is_loopback = addresses.iter().all(|address| address.ip().is_loopback());
    let addresses_text: Vec<String> = addresses.iter().map(|each| each.ip().to_string()).collect();
    checks.push(Check::ok(
        GROUP,
        "address",
        format!("{} is {}", server.host, addresses_text.join(", ")),
    ));
    let connection = reach::connection(&server, &addresses).await;
    let is_reached = connection.advice.is_none();
    checks.push(connection);
    if !is_reached {
        checks.extend(skip_from("login", "the server is not reached"));
        return checks;
    }
    let connected = tokio::time::timeout(PATIENCE, MysqlExaminer::connect(access, ca)).await;
    let connected = connected
        .unwrap_or_else(|_| Err(NoConnection::Away(format!("no answer within {PATIENCE:?}"))));
    match connected {
        Err(error) => {
            checks.push(reach::login_refused(&server, &error));
            checks.extend(skip_from("tls", "there is no login"));
        }
        Ok(mut examiner) => {
            let detail = format!("as {} to {}", server.user, server.database);
            checks.push(Check::ok(GROUP, "login", detail));
            let asked = tokio::time::timeout(PATIENCE, answers::ask(&server, &mut examiner)).await;
            if let Ok(answered) = asked {
                checks.extend(answered);
            } else {
                checks.push(Check::failure(
                    GROUP,
                    "tls",
                    format!("the questions were not answered within {PATIENCE:?}"),
                    "see what the server is doing: SHOW FULL PROCESSLIST",
                ));
                checks.extend(skip_from("server", "the server does not answer"));
            }
        }
    }
    checks
}

/// All checks from this one on, in their order.
pub(super) fn skip_from(first: &str, why: &str) -> impl Iterator<Item = Check> {
    let names = [
        "address",
        "connection",
        "login",
        "tls",
        "server",
        "clock",
        "charset",
        "migrations",
        "privileges",
        "privileges for migrations",
    ];
    names
        .into_iter()
        .skip_while(move |name| *name != first)
        .map(move |name| Check::skipped(GROUP, name, why))
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server as a URL names it.
    pub(super) fn server(is_loopback: bool) -> Server {
        let access = MysqlAccess::Url("mysql://ada:hunter2@db.example.org/images");
        Server {
            is_loopback,
            ..Server::reached_by(access).unwrap()
        }
    }

    #[test]
    fn the_url_is_taken_apart_without_its_password() {
        let server = server(false);
        assert_eq!(
            (server.host.as_str(), server.port),
            ("db.example.org", 3306)
        );
        assert_eq!(server.database, "images");
        let bracketed = Server::reached_by(MysqlAccess::Url("mysql://u@[::1]:3307/d")).unwrap();
        assert_eq!((bracketed.host.as_str(), bracketed.port), ("::1", 3307));
    }
}
