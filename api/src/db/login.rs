//! Where a MySQL server is and how to log in there, as a secret tells it.

use std::fmt;
use std::net::IpAddr;

use mysql_async::OptsBuilder;
use serde_json::Value;

const DEFAULT_PORT: u16 = 3306;
const DEFAULT_DATABASE: &str = "images";

/// A server, a user and their password. Only the password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MysqlLogin {
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The database on the server.
    pub database: String,
    password: String,
}

/// What a login lacks. Names fields, never their values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogin {
    /// The text is something else.
    #[error("the secret is no JSON object")]
    NoObject,
    /// A field is missing, empty, or no text.
    #[error("the secret has no field {0:?} with a text")]
    Missing(&'static str),
    /// The port is none.
    #[error("the field \"port\" of the secret is no port")]
    Port,
}

impl MysqlLogin {
    /// Reads `{"username", "password", "host", "port", "dbname"}`, which is what Secrets Manager keeps for RDS.
    /// Without `port` it is 3306, without `dbname` `images`.
    pub(super) fn from_secret(text: &str) -> Result<Self, InvalidLogin> {
        // Not derived: the errors of such a parser repeat what they did not expect.
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            return Err(InvalidLogin::NoObject);
        };
        let text = |name: &'static str| {
            let value = fields.get(name).and_then(Value::as_str);
            let value = value.filter(|value| !value.is_empty());
            value.map(str::to_owned).ok_or(InvalidLogin::Missing(name))
        };
        let port = match fields.get("port") {
            None | Some(Value::Null) => Some(DEFAULT_PORT),
            Some(Value::String(port)) => port.parse().ok(),
            Some(port) => port.as_u64().and_then(|port| port.try_into().ok()),
        };
        Ok(Self {
            host: text("host")?,
            user: text("username")?,
            password: text("password")?,
            port: port.filter(|port| *port != 0).ok_or(InvalidLogin::Port)?,
            database: match fields.get("dbname") {
                None | Some(Value::Null) => DEFAULT_DATABASE.to_owned(),
                Some(_) => text("dbname")?,
            },
        })
    }

    /// Whether what is sent there does not leave this host, by the name alone.
    #[must_use]
    pub fn is_on_this_host(&self) -> bool {
        let address: Option<IpAddr> = self.host.parse().ok();
        self.host == "localhost" || address.is_some_and(|address| address.is_loopback())
    }

    /// Whether both lead to the same database of the same server.
    pub(super) fn is_in_the_place_of(&self, other: &Self) -> bool {
        (&self.host, self.port, &self.database) == (&other.host, other.port, &other.database)
    }

    pub(super) fn options(&self) -> OptsBuilder {
        OptsBuilder::default()
            .ip_or_hostname(&self.host)
            .tcp_port(self.port)
            .user(Some(&self.user))
            .pass(Some(&self.password))
            .db_name(Some(&self.database))
    }
}

impl fmt::Debug for MysqlLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            port,
            user,
            database,
            password: _,
        } = self;
        write!(f, "MysqlLogin({user} to {database} at {host}:{port})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_read_with_its_defaults_and_shown_without_its_password() {
        let whole = r#"{"engine": "mysql", "username": "ada", "password": "hunter2", "host": "db.example.org",
            "port": 3307, "dbname": "pictures", "dbInstanceIdentifier": "db"}"#;
        let login = MysqlLogin::from_secret(whole).unwrap();
        assert_eq!(
            format!("{login:?}"),
            "MysqlLogin(ada to pictures at db.example.org:3307)"
        );
        let least = r#"{"username": "ada", "password": "hunter2", "host": "127.0.0.1"}"#;
        let login = MysqlLogin::from_secret(least).unwrap();
        assert_eq!((login.port, login.database.as_str()), (3306, "images"));
        let port_as_text = least.replace('}', r#", "port": "3308"}"#);
        assert_eq!(MysqlLogin::from_secret(&port_as_text).unwrap().port, 3308);
    }

    #[test]
    fn what_is_missing_is_named_and_no_value_is() {
        let rows = [
            ("hunter2", "no JSON object"),
            (r#""hunter2""#, "no JSON object"),
            (
                r#"{"password": "hunter2", "host": "hunter2"}"#,
                "\"username\"",
            ),
            (
                r#"{"username": "hunter2", "host": "hunter2"}"#,
                "\"password\"",
            ),
            (
                r#"{"username": "hunter2", "host": "hunter2", "password": ""}"#,
                "\"password\"",
            ),
            (
                r#"{"username": "hunter2", "host": "hunter2", "password": ["hunter2"]}"#,
                "\"password\"",
            ),
            (
                r#"{"username": "hunter2", "password": "hunter2"}"#,
                "\"host\"",
            ),
            (
                r#"{"username": "u", "password": "hunter2", "host": "h", "port": "hunter2"}"#,
                "\"port\"",
            ),
            (
                r#"{"username": "u", "password": "hunter2", "host": "h", "port": 65536}"#,
                "\"port\"",
            ),
            (
                r#"{"username": "u", "password": "hunter2", "host": "h", "port": 0}"#,
                "\"port\"",
            ),
            (
                r#"{"username": "u", "password": "hunter2", "host": "h", "dbname": ""}"#,
                "\"dbname\"",
            ),
        ];
        for (text, expected) in rows {
            let error = MysqlLogin::from_secret(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn only_the_names_of_this_host_are_on_it() {
        let rows = [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.1.2.3", true),
            ("::1", true),
            ("10.0.0.1", false),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org", false),
        ];
        for (host, expected) in rows {
            let text = format!(r#"{{"username": "u", "password": "p", "host": "{host}"}}"#);
            let login = MysqlLogin::from_secret(&text).unwrap();
            assert_eq!(login.is_on_this_host(), expected, "{host}");
        }
    }
}
