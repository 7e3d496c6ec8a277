//! A secret in Secrets Manager: its name, and how it is read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_config::Region;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use tokio::sync::OnceCell;

/// How long a read may take, with the search for credentials and the SDK's own retries.
const READ_DEADLINE: Duration = Duration::from_secs(5);

/// The ARN of a secret: `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretArn {
    text: String,
    region: String,
}

/// This is no ARN of a secret. Its text is left out: it may be a secret that was put into the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not the ARN of a secret")]
pub struct InvalidArn;

impl SecretArn {
    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region that the secret is in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

impl FromStr for SecretArn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        let parts: Vec<&str> = text.split(':').collect();
        let is_plain = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-/_+=.@".contains(&byte))
        };
        match parts[..] {
            [
                "arn",
                partition,
                "secretsmanager",
                region,
                account,
                "secret",
                name,
            ] if [partition, region, account, name].into_iter().all(is_plain) => Ok(Self {
                text: text.to_owned(),
                region: region.to_owned(),
            }),
            _ => Err(InvalidArn),
        }
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a secret could not be read. Never says anything of what it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager looked at the request and refused it.
    #[error("{code}: {message}")]
    Refused {
        /// Its error code.
        code: String,
        /// What it says.
        message: String,
    },
    /// There was no answer, or there are no credentials to ask with.
    #[error("Secrets Manager was not reached: {0}")]
    Away(String),
    /// It holds bytes.
    #[error("it holds no text")]
    NoText,
}

/// Reads one secret. Asks for nothing before it is told to read.
#[derive(Debug)]
pub struct SecretReader {
    arn: SecretArn,
    client: OnceCell<Client>,
}

impl SecretReader {
    /// A reader of this secret.
    #[must_use]
    pub fn new(arn: SecretArn) -> Self {
        Self {
            arn,
            client: OnceCell::new(),
        }
    }

    /// The current text of the secret.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn read(&self) -> Result<String, SecretError> {
        // Boxed: the SDK's futures are large.
        let read = Box::pin(self.ask());
        tokio::time::timeout(READ_DEADLINE, read)
            .await
            .unwrap_or_else(|_| {
                let reason = format!("no answer within {READ_DEADLINE:?}");
                Err(SecretError::Away(reason))
            })
    }

    async fn ask(&self) -> Result<String, SecretError> {
        let client = self.client.get_or_init(|| self.client()).await;
        let request = client.get_secret_value().secret_id(self.arn.as_str());
        let answer = request.send().await.map_err(|error| match error.code() {
            Some(code) => SecretError::Refused {
                code: code.to_owned(),
                message: in_one_line(error.message().unwrap_or_default()),
            },
            None => SecretError::Away(in_one_line(&format!("{:#}", anyhow::Error::from(error)))),
        })?;
        answer.secret_string.ok_or(SecretError::NoText)
    }

    /// The region is the secret's, whatever the bucket's is.
    async fn client(&self) -> Client {
        let region = Region::new(self.arn.region().to_owned());
        Client::new(&super::settings().region(region).load().await)
    }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_tells_the_region_of_its_secret() {
        for (text, region) in [
            (
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:images/db-AbCdEf",
                "eu-west-1",
            ),
            (
                "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db",
                "cn-north-1",
            ),
        ] {
            let arn: SecretArn = text.parse().unwrap();
            assert_eq!((arn.as_str(), arn.region()), (text, region));
        }
    }

    #[test]
    fn anything_else_is_refused_without_repeating_it() {
        for text in [
            "hunter2",
            "{\"password\":\"hunter2\"}",
            "arn:aws:s3:::hunter2",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:",
            "arn:aws:secretsmanager::123456789012:secret:hunter2",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db:password::",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a b",
        ] {
            let error = text.parse::<SecretArn>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
