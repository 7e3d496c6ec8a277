//! The public path: what a client meets at the service's own address, whatever stands before it.

use std::time::Duration;

use serde_json::Value;
use url::{Host, Url};

use super::pixel::padded_png;
use super::web::{self, Answer, Request, Unanswered};
use super::{Check, PATIENCE, Scope};
use crate::config::Config;

const GROUP: &str = "public path";

/// What a proxy has to let through beside the file: the multipart envelope and the text fields.
const ENVELOPE_BYTES: u64 = 64 * 1024;
/// The least that a line has to carry for an upload to count as answered.
const BYTES_A_SECOND: u64 = 1024 * 1024;
const BOUNDARY: &str = "image-handler-doctor";

/// Looks at the running service from outside.
pub(super) async fn examine(
    config: &Config,
    admin_key: Option<String>,
    scope: Scope,
) -> Vec<Check> {
    if scope == Scope::WithoutService {
        return skip("--offline was given").collect();
    }
    let Some(base) = address(config) else {
        let why = "LISTEN takes any free port, so nobody knows where the service is";
        return skip(why).collect();
    };
    let service = match web::send(Request::get(&format!("{base}/livez")), PATIENCE).await {
        Ok(answer) if answer.status == 200 && answer.body == b"ok" => {
            Check::ok(GROUP, "service", format!("{base} answers"))
        }
        answered => no_service(&base, &answered),
    };
    let answers = service.advice.is_none();
    let mut checks = vec![service];
    if !answers {
        checks.extend(skip_from("limits", "the service does not answer"));
        return checks;
    }
    let (limits, stated) = limits(config, &base).await;
    checks.push(limits);
    let Some(stated) = stated else {
        checks.extend(skip_from("upload of the limit", "its limits are not known"));
        return checks;
    };
    let key = match (stated.key_required, admin_key) {
        (false, _) => None,
        (true, Some(key)) if may_carry_a_key(&base) => Some(key),
        (true, Some(_)) => {
            let why = format!(
                "uploads need a key, and ADMIN_KEY is not sent over plain http to {base}: set PUBLIC_URL to its \
                 https address, or to http://127.0.0.1 and the port of LISTEN"
            );
            checks.extend(skip_from("upload of the limit", &why));
            return checks;
        }
        (true, None) => {
            checks.extend(skip_from(
                "upload of the limit",
                "uploads need a key: set ADMIN_KEY for this command",
            ));
            return checks;
        }
    };
    let visitor = Visitor { base, key };
    checks.extend(visitor.upload_of_the_limit(stated.max_upload_bytes).await);
    checks.push(visitor.upload_past_the_limit(stated.max_upload_bytes).await);
    checks
}

/// Whether a secret may be sent there: over TLS, whose certificate says who answers, or without leaving this host.
fn may_carry_a_key(base: &str) -> bool {
    let Ok(url) = Url::parse(base) else {
        return false;
    };
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// Where the service is to be found. `None`: on a port that is not known.
fn address(config: &Config) -> Option<String> {
    if let Some(url) = &config.server.public_url {
        return Some(url.clone());
    }
    let listen = config.server.listen;
    (listen.port() != 0).then(|| format!("http://{}", crate::server::reachable(listen)))
}

/// All of it, unlooked at.
pub(super) fn skip(why: &str) -> impl Iterator<Item = Check> {
    skip_from("service", why)
}

fn skip_from(first: &str, why: &str) -> impl Iterator<Item = Check> {
    let names = [
        "service",
        "limits",
        "upload of the limit",
        "delete",
        "upload past the limit",
    ];
    let checks: Vec<Check> = names
        .into_iter()
        .skip_while(|name| *name != first)
        .map(|name| Check::skipped(GROUP, name, why))
        .collect();
    checks.into_iter()
}

fn no_service(base: &str, answered: &Result<Answer, Unanswered>) -> Check {
    let start = "start it (systemctl start image-handler), or leave the service out with --offline";
    let (detail, advice) = match answered {
        Err(Unanswered::Refused) => (
            format!("nothing listens at {base}"),
            format!("{start}; if it runs, set PUBLIC_URL to where clients reach it, and look at the proxy before it"),
        ),
        Err(Unanswered::Tls(reason)) => (
            format!("TLS with {base} fails: {reason}"),
            "renew the certificate of the proxy (certbot renew), or correct PUBLIC_URL; a name that the \
             certificate does not have, or https to a port that speaks http, end like this as well"
                .to_owned(),
        ),
        Err(why) => (
            format!("{base} does not answer: {why}"),
            format!("check PUBLIC_URL: curl -v {base}/livez; {start}"),
        ),
        Ok(answer) if matches!(answer.status, 502..=504) => (
            format!("a proxy answers at {base}, and not the service ({})", answer.status),
            format!("{start}; if it runs, let the proxy pass to what LISTEN says"),
        ),
        Ok(Answer {
            location: Some(location),
            ..
        }) => (
            format!("{base} leads on to {location}"),
            "set PUBLIC_URL to where it leads".to_owned(),
        ),
        Ok(answer) => (
            format!("something else than this service answers at {base} ({})", answer.status),
            format!("set PUBLIC_URL (or LISTEN) to where the service is: curl -v {base}/livez"),
        ),
    };
    Check::failure(GROUP, "service", detail, advice)
}

/// What the running service says of itself.
struct Stated {
    max_upload_bytes: u64,
    key_required: bool,
}

async fn limits(config: &Config, base: &str) -> (Check, Option<Stated>) {
    let url = format!("{base}/api/v1/limits");
    let stated = match web::send(Request::get(&url), PATIENCE).await {
        Ok(answer) if answer.status == 200 => answer.json().and_then(|body| {
            Some(Stated {
                max_upload_bytes: body["max_upload_bytes"].as_u64()?,
                key_required: body["upload_key_required"].as_bool()?,
            })
        }),
        _ => None,
    };
    let Some(stated) = stated else {
        let check = Check::failure(
            GROUP,
            "limits",
            format!("{url} does not give the limits of this service"),
            format!(
                "let the proxy pass /api/ on unchanged, or set PUBLIC_URL to the service: curl -v {url}"
            ),
        );
        return (check, None);
    };
    let ours = config.limits.max_upload_bytes;
    let needs_key = config.access.upload_keys.is_some();
    let check = if stated.max_upload_bytes != ours {
        Check::warning(
            GROUP,
            "limits",
            format!(
                "the service takes {} bytes, and this configuration says {ours}",
                stated.max_upload_bytes
            ),
            "restart the service, or run this with the environment of the service (MAX_UPLOAD_BYTES)",
        )
    } else if stated.key_required != needs_key {
        Check::warning(
            GROUP,
            "limits",
            "the service and this configuration do not agree on whether uploads need a key",
            "restart the service, or run this with the environment of the service (UPLOAD_KEYS)",
        )
    } else {
        Check::ok(
            GROUP,
            "limits",
            format!("uploads of up to {ours} bytes, as configured"),
        )
    };
    (check, Some(stated))
}

/// Whoever uploads.
struct Visitor {
    base: String,
    key: Option<String>,
}

impl Visitor {
    async fn upload_of_the_limit(&self, limit: u64) -> Vec<Check> {
        const NAME: &str = "upload of the limit";
        let answered = self.upload(limit).await;
        let answer = match answered {
            Ok(answer) if matches!(answer.status, 201 | 202) => answer,
            answered => {
                let check = refused(NAME, limit, &answered);
                let why = "nothing was uploaded";
                return vec![check, Check::skipped(GROUP, "delete", why)];
            }
        };
        let pending = if answer.status == 202 {
            ", its record follows"
        } else {
            ""
        };
        let detail = format!("{limit} bytes were taken{pending}");
        vec![Check::ok(GROUP, NAME, detail), self.delete(&answer).await]
    }

    async fn upload_past_the_limit(&self, limit: u64) -> Check {
        const NAME: &str = "upload past the limit";
        let answered = self.upload(limit + 1).await;
        match &answered {
            Ok(answer) if is_own_refusal(answer) => {
                let detail = "one byte more is refused by the service, with an explanation";
                Check::ok(GROUP, NAME, detail)
            }
            Ok(answer) if answer.status == 413 => Check::warning(
                GROUP,
                NAME,
                "one byte more is refused by a proxy (413) and not by the service: clients get no explanation",
                raise_body_size(limit),
            ),
            Ok(answer) if matches!(answer.status, 201 | 202) => {
                let left = self.delete(answer).await;
                Check::failure(
                    GROUP,
                    NAME,
                    format!("one byte more than the limit was taken; {}", left.detail),
                    "something on the way changes requests: pass /api/ on unchanged",
                )
            }
            _ => refused(NAME, limit, &answered),
        }
    }

    async fn upload(&self, bytes: u64) -> Result<Answer, Unanswered> {
        let url = format!("{}/api/v1/images", self.base);
        let patience = PATIENCE + Duration::from_secs(bytes / BYTES_A_SECOND);
        let mut request = Request {
            method: "POST",
            url: &url,
            headers: vec![(
                "content-type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )],
            body: form(&padded_png(usize::try_from(bytes).unwrap_or(usize::MAX))),
        };
        request.headers.extend(self.authorization());
        web::send(request, patience).await
    }

    fn authorization(&self) -> Option<(&'static str, String)> {
        let key = self.key.as_ref()?;
        Some(("authorization", format!("Bearer {key}")))
    }

    /// Deletes what was uploaded, with the token that came with it.
    async fn delete(&self, uploaded: &Answer) -> Check {
        const NAME: &str = "delete";
        let body = uploaded.json().unwrap_or(Value::Null);
        let (Some(id), Some(token)) = (body["id"].as_str(), body["delete_token"].as_str()) else {
            return Check::failure(
                GROUP,
                NAME,
                "the answer to the upload is not that of this service",
                "let the proxy pass answers on unchanged",
            );
        };
        let url = format!("{}/api/v1/images/{id}", self.base);
        let request = Request {
            method: "DELETE",
            url: &url,
            headers: vec![("authorization", format!("Bearer {token}"))],
            body: Vec::new(),
        };
        let detail = match web::send(request, PATIENCE).await {
            Ok(answer) if answer.status == 204 => {
                return Check::ok(GROUP, NAME, "the image was deleted again");
            }
            Ok(answer) => said(&answer),
            Err(why) => why.to_string(),
        };
        Check::failure(
            GROUP,
            NAME,
            format!("the image {id} cannot be deleted: {detail}"),
            format!(
                "let the proxy pass DELETE and Authorization on; then: curl -X DELETE -H \"Authorization: Bearer \
                 $ADMIN_KEY\" {url}"
            ),
        )
    }
}

/// Why an upload was not taken that should have been, or not refused as it should have been.
fn refused(name: &'static str, limit: u64, answered: &Result<Answer, Unanswered>) -> Check {
    let (detail, advice) = match answered {
        Err(why @ (Unanswered::Reset | Unanswered::TooLate(_))) => (
            format!("{why} while {limit} bytes were sent"),
            format!(
                "a proxy may cut it short: {}, and look at its error log",
                raise_body_size(limit)
            ),
        ),
        Err(why) => (
            why.to_string(),
            "look at the logs of the proxy and of the service".to_owned(),
        ),
        Ok(answer) if is_own_refusal(answer) => (
            said(answer),
            "something on the way makes requests longer: pass /api/ on unchanged".to_owned(),
        ),
        Ok(answer) if answer.status == 413 => (
            format!("a proxy refuses {limit} bytes (413), which the service would take"),
            raise_body_size(limit),
        ),
        Ok(answer) => {
            let body = answer.json().unwrap_or(Value::Null);
            let advice = match answer.status {
                // The service says itself what it is that fails; a status alone may be a proxy's.
                503 if body["code"] == "disk-unavailable" => {
                    "the service cannot write to UPLOADS_DIR: see the checks of its owner and whether it is writable, \
                     run as the user of the service, then: journalctl -u image-handler"
                }
                503 if body["code"] == "database-unavailable" => {
                    "see the checks of the database, then: journalctl -u image-handler"
                }
                503 if body["code"] == "uploads-busy" => {
                    "wait and try again; if it stays, raise MAX_UPLOADS_IN_FLIGHT"
                }
                401 | 403 => "set ADMIN_KEY to that of the running service",
                408 => "raise the proxy's client_body_timeout, or UPLOAD_DEADLINE",
                429 => {
                    "wait and try again; if it stays, let the proxy pass X-Forwarded-For on and name it in \
                     TRUSTED_PROXIES, or raise UPLOAD_RATE"
                }
                503 => {
                    "wait and try again; if it stays, see /readyz, and look at the logs of the proxy and of the \
                     service: journalctl -u image-handler"
                }
                507 => "make room in UPLOADS_DIR: see the check of its free space",
                500..=599 => {
                    "look at the logs of the proxy and of the service: journalctl -u image-handler"
                }
                _ => "let the proxy pass /api/ on unchanged, with method, headers and body",
            };
            (said(answer), advice.to_owned())
        }
    };
    Check::failure(GROUP, name, detail, advice)
}

fn raise_body_size(limit: u64) -> String {
    format!(
        "set client_max_body_size {}; in the server block of nginx (the limit and the form round it), then: sudo \
         nginx -t && sudo systemctl reload nginx",
        limit + ENVELOPE_BYTES
    )
}

/// The service's own answer to a body that is too large.
fn is_own_refusal(answer: &Answer) -> bool {
    answer.status == 413 && answer.content_type == "application/problem+json"
}

/// The status, and the explanation of the service where there is one.
fn said(answer: &Answer) -> String {
    let body = answer.json().unwrap_or(Value::Null);
    match body["detail"].as_str() {
        Some(detail) => format!("the answer is {}: {detail}", answer.status),
        None => format!("the answer is {} ({})", answer.status, answer.content_type),
    }
}

/// The form of an upload.
fn form(file: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"uploader\"\r\n\r\nimage-handler doctor\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"doctor.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    );
    let mut body = head.into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_tls_or_stays_on_this_host() {
        for (base, may) in [
            ("https://images.example", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://images.example", false),
            ("http://localhost.images.example", false),
            ("http://10.0.0.1:8080", false),
            ("http://0.0.0.0:8080", false),
            ("nowhere", false),
        ] {
            assert_eq!(may_carry_a_key(base), may, "{base}");
        }
    }
}
