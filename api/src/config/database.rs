//! Which database, and how it is reached.

use std::path::{Path, PathBuf};

use url::Url;

use super::{ConfigError, Options, set};
use crate::aws::SecretArn;
use crate::db::DbConfig;

const CA: &str = "DATABASE_CA";
const SECRET: &str = "DATABASE_SECRET_ARN";
const URL: &str = "DATABASE_URL";

pub(super) fn database(options: &Options, uploads_dir: &Path) -> Result<DbConfig, ConfigError> {
    let ca = || ca(set(options.database_ca.clone()));
    let url = set(options.database_url.clone());
    if let Some(secret) = set(options.database_secret_arn.clone()) {
        if url.is_some() {
            return Err(ConfigError::new(
                SECRET,
                format!("{URL} is set too, and one of them has to be unset"),
            ));
        }
        return Ok(DbConfig::MysqlBySecret {
            secret: secret_arn(&secret)?,
            ca: ca()?,
        });
    }
    // The URL may hold a password, so no message repeats it.
    let wrong = |problem: &str| {
        ConfigError::new(
            URL,
            format!("{problem}; write sqlite://PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE"),
        )
    };
    let Some(url) = url else {
        return Ok(DbConfig::Sqlite {
            path: uploads_dir.join("metadata.db"),
        });
    };
    match url.split_once("://") {
        Some(("sqlite", "")) => Err(wrong("the path of the file is missing")),
        Some(("sqlite", path)) => Ok(DbConfig::Sqlite {
            path: PathBuf::from(path),
        }),
        Some(("mysql", _)) => {
            let parsed = Url::parse(&url).map_err(|_| wrong("it is not a URL"))?;
            if parsed.host_str().is_none_or(str::is_empty)
                || parsed.path().trim_matches('/').is_empty()
            {
                return Err(wrong("the host or the database is missing"));
            }
            Ok(DbConfig::Mysql { url, ca: ca()? })
        }
        _ => Err(wrong("only sqlite and mysql are supported")),
    }
}

/// Not repeated when it is none: somebody may have put the secret itself there.
fn secret_arn(text: &str) -> Result<SecretArn, ConfigError> {
    text.trim().parse().map_err(|error| {
        ConfigError::new(
            SECRET,
            format!(
                "{error}; write arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME, as aws secretsmanager \
                 list-secrets shows it"
            ),
        )
    })
}

fn ca(path: Option<String>) -> Result<Option<PathBuf>, ConfigError> {
    let path = path.map(PathBuf::from);
    match path {
        Some(path) if !holds_certificates(&path) => Err(ConfigError::new(
            CA,
            format!(
                "{} holds no certificates; name a PEM file of CA certificates",
                path.display()
            ),
        )),
        path => Ok(path),
    }
}

fn holds_certificates(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains("-----BEGIN CERTIFICATE-----"))
}

/// The variable to look at when the database cannot be used. For one that would have been used, had a setting been
/// another, see [`refusing_variable`].
#[must_use]
pub fn database_variable(config: &DbConfig) -> &'static str {
    match config {
        DbConfig::Sqlite { .. } | DbConfig::Mysql { .. } => URL,
        DbConfig::MysqlBySecret { .. } => SECRET,
    }
}

/// The variable to change when the database is refused for its settings. With a secret only the missing CA is: all
/// else that is wrong there can be mended while the service runs.
#[must_use]
pub fn refusing_variable(config: &DbConfig) -> &'static str {
    match config {
        DbConfig::Sqlite { .. } | DbConfig::Mysql { .. } => URL,
        DbConfig::MysqlBySecret { .. } => CA,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:images-AbCdEf";

    fn check(
        url: Option<&str>,
        secret: Option<&str>,
        ca: Option<&str>,
    ) -> Result<DbConfig, ConfigError> {
        let options = Options {
            database_url: url.map(str::to_owned),
            database_secret_arn: secret.map(str::to_owned),
            database_ca: ca.map(str::to_owned),
            ..Options::default()
        };
        database(&options, Path::new("uploads"))
    }

    #[test]
    fn a_ca_file_without_certificates_is_named() {
        for no_ca in ["/nowhere/ca.pem", "/etc/passwd"] {
            for (url, secret) in [(Some("mysql://u@h/d"), None), (None, Some(ARN))] {
                let error = check(url, secret, Some(no_ca)).unwrap_err();
                assert_eq!(error.variable, "DATABASE_CA");
            }
        }
    }

    #[test]
    fn a_secret_stands_in_the_place_of_a_url_and_not_beside_it() {
        let config = check(Some(" "), Some(ARN), None).unwrap();
        let secret = ARN.parse().unwrap();
        assert_eq!(config, DbConfig::MysqlBySecret { secret, ca: None });
        let error = check(Some("mysql://u:hunter2@h/d"), Some(ARN), None).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("DATABASE_SECRET_ARN: "), "{message}");
        assert!(message.contains("DATABASE_URL"), "{message}");
        assert!(
            !message.contains("hunter2") && !message.contains('\n'),
            "{message}"
        );
    }
}
