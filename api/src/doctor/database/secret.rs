//! The secret with the login of a MySQL server, and then that server.

use std::path::Path;

use super::{GROUP, server};
use crate::aws::{SecretArn, SecretError};
use crate::db::{LoginUnknown, MysqlAccess, read_login};
use crate::doctor::Check;

const NAME: &str = "secret";

/// Looks at the secret, and with what it holds at the server.
pub(super) async fn examine(secret: &SecretArn, ca: Option<&Path>) -> Vec<Check> {
    let login = match read_login(secret, ca).await {
        Ok(login) => login,
        Err(error) => {
            let mut checks = vec![unknown(secret, &error)];
            checks.extend(server::skip_from("address", "there is no login"));
            return checks;
        }
    };
    let detail = format!(
        "it names {} and {} at {}:{}",
        login.user, login.database, login.host, login.port
    );
    let mut checks = vec![Check::ok(GROUP, NAME, detail)];
    checks.extend(server::examine(MysqlAccess::Login(&login), ca).await);
    checks
}

fn unknown(secret: &SecretArn, error: &LoginUnknown) -> Check {
    let advice = match error {
        LoginUnknown::Unreadable(error) => unreadable(secret, error),
        LoginUnknown::Invalid(_) => format!(
            "let it hold a JSON object with username, password and host (port and dbname are 3306 and images without \
             them), as a secret that is attached to its database does: aws secretsmanager put-secret-value \
             --secret-id {secret} --secret-string file://FILE"
        ),
        LoginUnknown::CaMissing { .. } => {
            "set DATABASE_CA to a PEM file with the CA certificates of the server (for RDS: \
             https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem)"
                .to_owned()
        }
    };
    Check::failure(GROUP, NAME, error.to_string(), advice)
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
fn unreadable(secret: &SecretArn, error: &SecretError) -> String {
    let region = secret.region();
    match error {
        SecretError::Refused { code, message } => match code.as_str() {
            "AccessDeniedException" if message.contains("KMS") => {
                format!("let the role of this host do kms:Decrypt with the key of {secret}")
            }
            "AccessDeniedException" => format!(
                "let the role of this host do secretsmanager:GetSecretValue on {secret} (aws sts \
                 get-caller-identity says who it is)"
            ),
            "ResourceNotFoundException" => format!(
                "correct DATABASE_SECRET_ARN, or give the secret a value: aws secretsmanager describe-secret --region \
                 {region} --secret-id {secret}"
            ),
            "InvalidRequestException" => format!(
                "it is about to be deleted: aws secretsmanager restore-secret --region {region} --secret-id {secret}"
            ),
            _ => format!(
                "see whether the credentials of this host are valid: aws sts get-caller-identity; and the secret: aws \
                 secretsmanager describe-secret --region {region} --secret-id {secret}"
            ),
        },
        SecretError::Away(_) => format!(
            "attach an instance profile to this host, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the \
             service's environment; if there are credentials, let this host reach \
             https://secretsmanager.{region}.amazonaws.com, or what AWS_ENDPOINT_URL_SECRETS_MANAGER names"
        ),
        SecretError::NoText => format!(
            "write its value as text: aws secretsmanager put-secret-value --secret-id {secret} --secret-string \
             file://FILE"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_secrets_manager_has_advice_of_its_own() {
        let secret: SecretArn =
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:images-AbCdEf"
                .parse()
                .unwrap();
        let refused = |code: &str, message: &str| SecretError::Refused {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        let rows = [
            (
                refused("AccessDeniedException", "User is not authorized"),
                "secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:",
            ),
            (
                refused("AccessDeniedException", "Access to KMS is not allowed"),
                "kms:Decrypt",
            ),
            (refused("ResourceNotFoundException", ""), "describe-secret"),
            (refused("InvalidRequestException", ""), "restore-secret"),
            (refused("ExpiredTokenException", ""), "get-caller-identity"),
            (SecretError::Away(String::new()), "instance profile"),
            (SecretError::NoText, "--secret-string"),
        ];
        for (error, expected) in rows {
            let check = unknown(&secret, &error.into());
            let advice = check.advice.unwrap();
            assert!(advice.contains(expected), "{advice}");
        }
    }
}
