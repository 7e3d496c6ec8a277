//! The way to the server: its name, its port, the login.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::{GROUP, NamedIn, Server};
use crate::db::NoConnection;
use crate::doctor::{Check, PATIENCE};

pub(super) async fn resolve(server: &Server) -> Result<Vec<SocketAddr>, Check> {
    let host = (server.host.as_str(), server.port);
    let reason = match tokio::time::timeout(PATIENCE, tokio::net::lookup_host(host)).await {
        Ok(Ok(found)) => {
            let found: Vec<SocketAddr> = found.collect();
            if !found.is_empty() {
                return Ok(found);
            }
            "it has no address".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    Err(Check::failure(
        GROUP,
        "address",
        format!("the host {} cannot be found: {reason}", server.host),
        format!(
            "check the host in {}: getent hosts {}; a database in a VPC is known only to its resolver",
            server.named_in.as_str(),
            server.host
        ),
    ))
}

pub(super) async fn connection(server: &Server, addresses: &[SocketAddr]) -> Check {
    let (host, port, named_in) = (&server.host, server.port, server.named_in.as_str());
    let error = match tokio::time::timeout(PATIENCE, TcpStream::connect(addresses)).await {
        Ok(Ok(_)) => {
            return Check::ok(
                GROUP,
                "connection",
                format!("port {port} takes connections"),
            );
        }
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    let advice = match error.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "nothing listens there: start the server (systemctl status mariadb mysql), or correct host and port in \
             {named_in}: ss -ltn 'sport = :{port}'"
        ),
        _ => format!(
            "something on the way drops it: let the database's security group (or firewall) take {port} from this \
             host, and see: nc -vz -w 5 {host} {port}"
        ),
    };
    Check::failure(
        GROUP,
        "connection",
        format!("{host}:{port} cannot be connected to: {error}"),
        advice,
    )
}

pub(super) fn login_refused(server: &Server, error: &NoConnection) -> Check {
    let (user, database, host) = (&server.user, &server.database, &server.host);
    let named_in = server.named_in.as_str();
    let advice = match error {
        NoConnection::Settings(_) => {
            "correct DATABASE_URL and DATABASE_CA: keys that the URL knows are require_ssl, verify_ca and \
             verify_identity"
                .to_owned()
        }
        NoConnection::LoginRefused(_) if server.named_in == NamedIn::Secret => format!(
            "if the database user was never made, run deploy/bin/bootstrap-db; if a rotation is under way, wait until it has \
             ended: the service reads the secret again by itself; else give '{user}' the password of the secret, as \
             an administrator: ALTER USER"
        ),
        NoConnection::LoginRefused(_) => format!(
            "correct user and password in DATABASE_URL (special characters as %40 and the like), or as an \
             administrator: ALTER USER '{user}'@'HOST' IDENTIFIED BY '…'; try: mysql -h {host} -P {} -u {user} -p",
            server.port
        ),
        NoConnection::DatabaseRefused(_) => {
            server.grant("SELECT, INSERT, UPDATE, CREATE, ALTER, INDEX, DROP")
        }
        NoConnection::DatabaseMissing(_) => format!(
            "correct the name in {named_in}, or as an administrator: CREATE DATABASE `{database}` CHARACTER SET \
             utf8mb4 COLLATE utf8mb4_bin, then grant the user its privileges"
        ),
        NoConnection::TlsDemanded(_) => {
            "set DATABASE_CA to a PEM file with the CA certificates of the server (for RDS: \
             https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem)"
                .to_owned()
        }
        NoConnection::TlsMissing if server.named_in == NamedIn::Secret => {
            "give the server a certificate (ssl_cert, ssl_key in its configuration), and see that host and port in \
             the secret are those of the right server"
                .to_owned()
        }
        NoConnection::TlsMissing => {
            "give the server a certificate (ssl_cert, ssl_key in its configuration), or, only on loopback, unset \
             DATABASE_CA and take require_ssl out of DATABASE_URL"
                .to_owned()
        }
        NoConnection::TlsFailed(_) => format!(
            "set DATABASE_CA to the CA certificates that the server's is signed with, and name the server in \
             {named_in} as its certificate does: openssl s_client -starttls mysql -connect {host}:{}",
            server.port
        ),
        NoConnection::Full(_) => {
            "raise the limit (SET GLOBAL max_connections = …), or see who takes them: SHOW PROCESSLIST".to_owned()
        }
        NoConnection::Away(_) => format!(
            "see the log of the server, and that host and port in {named_in} are those of a MySQL or MariaDB server"
        ),
    };
    let detail = format!("{user} cannot log in to {database}: {error}");
    Check::failure(GROUP, "login", detail, advice)
}

#[cfg(test)]
mod tests {
    use super::super::tests::server;
    use super::*;

    #[test]
    fn every_way_not_to_connect_has_advice_of_its_own() {
        let said = String::new;
        let rows = [
            (
                NoConnection::LoginRefused(said()),
                "password in DATABASE_URL",
            ),
            (NoConnection::DatabaseRefused(said()), "GRANT SELECT"),
            (
                NoConnection::DatabaseMissing(said()),
                "CREATE DATABASE `images`",
            ),
            (NoConnection::TlsDemanded(said()), "set DATABASE_CA"),
            (NoConnection::TlsMissing, "ssl_cert"),
            (NoConnection::TlsFailed(said()), "-starttls mysql"),
            (NoConnection::Full(said()), "max_connections"),
            (NoConnection::Away(said()), "log of the server"),
        ];
        for (error, expected) in rows {
            let check = login_refused(&server(false), &error);
            let advice = check.advice.unwrap();
            assert!(advice.contains(expected), "{advice}");
            assert!(!advice.contains("hunter2"), "{advice}");
        }
    }

    #[test]
    fn with_a_secret_nothing_is_to_be_corrected_in_a_url() {
        let server = Server {
            named_in: NamedIn::Secret,
            ..server(false)
        };
        let said = String::new;
        let rows = [
            (NoConnection::LoginRefused(said()), "bootstrap-db"),
            (
                NoConnection::DatabaseMissing(said()),
                "the name in the secret",
            ),
            (NoConnection::TlsMissing, "ssl_cert"),
            (
                NoConnection::TlsFailed(said()),
                "in the secret of DATABASE_SECRET_ARN as its certificate does",
            ),
            (NoConnection::Away(said()), "port in the secret"),
        ];
        for (error, expected) in rows {
            let advice = login_refused(&server, &error).advice.unwrap();
            assert!(advice.contains(expected), "{advice}");
            assert!(!advice.contains("DATABASE_URL"), "{advice}");
        }
    }
}
