//! `image-handler nginx-settings`: what nginx before the service has to know of its configuration.
//!
//! The sites in `deploy/nginx/` include what this prints. Computed by the code that the service itself is configured
//! with, so that the two cannot say different things. A command of `main`; may import what `server` may.

use std::fmt::Write as _;
use std::path::Path;

use clap::ValueEnum;

use crate::config::{Config, ConfigError, Options, ProxiedConfig, Rate};
use crate::routes::{self, ENVELOPE_BYTES};
use crate::server::reachable;
use crate::storage::ObjectStore;

/// Where the client lies when the service does not serve it: the package's folder.
const PACKAGED_CLIENT: &str = "/usr/share/image-handler/web";

/// nginx is there to stop floods. What a client may ask is for the service to say, which answers in more detail, so
/// nginx lets through so many times as much.
const GENEROSITY: u64 = 2;

/// How much memory the bodies that nginx holds for the service may take together.
const BODIES_BYTES: u64 = 256 * 1024 * 1024;
/// With very large files memory has to give way.
const FEWEST_BODIES: u64 = 16;
/// Small bodies take a connection each all the same.
const MOST_BODIES: u64 = 256;
/// Which part of them one client may hold. nginx has no deadline for a whole body, so few clients must not hold them all.
const CLIENTS_WITH_ALL_THEIR_BODIES: u64 = 32;
/// With very large files too a client may send one while another is still on its way.
const FEWEST_BODIES_OF_CLIENT: u64 = 2;

/// The folders below the uploads folder from which nginx sends files, and no others: journal, secret and database lie
/// beside them.
const SENT_FOLDERS: [&str; 2] = ["originals", "variants"];

/// Where in nginx's configuration directives stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// In the blocks of the servers.
    Server,
    /// In `http`, outside of them.
    Http,
}

/// The directives for one place.
///
/// # Errors
/// [`ConfigError`] for the first setting that cannot be used, by the service or by nginx.
pub async fn settings(options: &Options, place: Place) -> Result<String, ConfigError> {
    let config = Config::proxied_from(options)?;
    match place {
        Place::Http => http_settings(&config),
        Place::Server => server_settings(&config, &objects_origin(&config).await?),
    }
}

/// The origin of public object URLs, which the client shows images from. Empty while no bucket is named.
async fn objects_origin(config: &ProxiedConfig) -> Result<String, ConfigError> {
    let url = match (&config.objects_url, &config.bucket) {
        (Some(url), _) => url.clone(),
        (None, None) => return Ok(String::new()),
        (None, Some(bucket)) => {
            let objects = ObjectStore::connect(bucket.clone()).await;
            let objects = objects.map_err(|error| {
                let problem = format!("{error}; name the region of the bucket, such as eu-west-1");
                ConfigError::new("AWS_REGION", problem)
            })?;
            objects.public_url().to_owned()
        }
    };
    Ok(routes::origin(&url))
}

const HEAD: &str = "# Made by `image-handler nginx-settings` from the service's configuration, anew before each of its \
                    starts.\n# Not to be edited: set the variables instead.\n";

fn http_settings(config: &ProxiedConfig) -> Result<String, ConfigError> {
    let listen = config.server.listen;
    if listen.port() == 0 {
        return Err(ConfigError::new(
            "LISTEN",
            "nginx has to know the port; write one, such as 127.0.0.1:8080",
        ));
    }
    let mut text = HEAD.to_owned();
    let _ = write!(
        text,
        "upstream image_handler {{\n    server {} max_fails=0;\n    keepalive 32;\n    \
         # Shorter than the service keeps connections, so that none is used that it just closed.\n    \
         keepalive_timeout 3s;\n}}\n",
        reachable(listen)
    );
    // The zone is always there; without a rate of the service's own nothing counts in it.
    let rate = flood(config).map_or(1, |flood| flood.requests_per_second);
    let _ = writeln!(
        text,
        "limit_req_zone $image_handler_client zone=image_handler_requests:16m rate={rate}r/s;"
    );
    Ok(text)
}

fn server_settings(config: &ProxiedConfig, objects_origin: &str) -> Result<String, ConfigError> {
    let mut text = HEAD.to_owned();
    let largest_body = config.limits.max_upload_bytes + ENVELOPE_BYTES;
    let _ = writeln!(text, "client_max_body_size {largest_body};");
    // Holds a whole upload: the service does not see it before it is complete, and no disk does.
    let _ = writeln!(text, "client_body_buffer_size {largest_body};");
    let bodies = (BODIES_BYTES / largest_body).clamp(FEWEST_BODIES, MOST_BODIES);
    let bodies_of_client = (bodies / CLIENTS_WITH_ALL_THEIR_BODIES).max(FEWEST_BODIES_OF_CLIENT);
    // In this order: `http.conf` tells the refusals of the last from those of the others.
    let _ = writeln!(
        text,
        "limit_conn image_handler_bodies_of_client {bodies_of_client};"
    );
    let _ = writeln!(text, "limit_conn image_handler_bodies {bodies};");
    if let Some(flood) = flood(config) {
        let burst = flood.burst;
        let _ = writeln!(
            text,
            "limit_req zone=image_handler_requests burst={burst} nodelay;"
        );
    }
    let web_dir = config.server.web_dir.as_deref();
    let root = path("WEB_DIR", web_dir.unwrap_or(Path::new(PACKAGED_CLIENT)))?;
    let _ = writeln!(text, "root \"{root}\";");
    let max_upload_bytes = config.limits.max_upload_bytes;
    let _ = writeln!(
        text,
        "set $image_handler_max_upload_bytes {max_upload_bytes};"
    );
    let policy = routes::client_policy(objects_origin);
    let policy = plain("S3_PUBLIC_URL", &policy)?;
    let _ = writeln!(text, "set $image_handler_client_policy \"{policy}\";");
    let public_url = config.server.public_url.as_deref();
    let https_url = public_url.filter(|url| url.starts_with("https://"));
    let address = https_url.map_or(Ok("https://$host"), |url| plain("PUBLIC_URL", url))?;
    let _ = writeln!(text, "set $image_handler_https_url \"{address}\";");
    let only_tls = https_url.map_or("", |_| routes::ONLY_TLS);
    let _ = writeln!(text, "set $image_handler_only_tls \"{only_tls}\";");
    if let Some(prefix) = &config.server.accel_prefix {
        for name in SENT_FOLDERS {
            let folder = path("UPLOADS_DIR", &config.uploads_dir.join(name))?;
            let _ = write!(
                text,
                "location {prefix}{name}/ {{\n    internal;\n    alias \"{folder}/\";\n    \
                 include image-handler/local-copies.conf;\n}}\n"
            );
        }
    }
    Ok(text)
}

/// What is more than the service's own rates let through, from one client.
struct Flood {
    requests_per_second: u64,
    burst: u64,
}

/// `None` where the operator has switched a rate off: nginx must not put it back.
fn flood(config: &ProxiedConfig) -> Option<Flood> {
    let rates = [config.protection.upload_rate?, config.protection.read_rate?];
    let per_second = |rate: &Rate| u64::from(rate.requests.get()).div_ceil(rate.period.as_secs());
    let at_once = |rate: &Rate| u64::from(rate.requests.get());
    Some(Flood {
        requests_per_second: GENEROSITY * rates.iter().map(per_second).sum::<u64>(),
        burst: GENEROSITY * rates.iter().map(at_once).sum::<u64>(),
    })
}

/// An absolute path as nginx can be told it.
fn path(variable: &'static str, path: &Path) -> Result<String, ConfigError> {
    let wrong = |problem: String| ConfigError::new(variable, problem);
    let absolute = std::path::absolute(path).map_err(|error| wrong(error.to_string()))?;
    let text = absolute
        .to_str()
        .ok_or_else(|| wrong(format!("{} is no text", absolute.display())))?;
    Ok(plain(variable, text)?.to_owned())
}

/// A text that means the same between double quotes in nginx's configuration. It has no way to write a dollar
/// sign there.
fn plain<'text>(variable: &'static str, text: &'text str) -> Result<&'text str, ConfigError> {
    let special = |each: char| matches!(each, '"' | '\\' | '$') || each.is_control();
    if text.contains(special) {
        return Err(ConfigError::new(
            variable,
            format!("nginx cannot be told {text:?}; use no quotes, backslashes or dollar signs"),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packaged() -> Options {
        let text = |text: &str| Some(text.to_owned());
        Options {
            listen: text("127.0.0.1:8080"),
            web_dir: text("none"),
            uploads_dir: text("/var/lib/image-handler"),
            accel_prefix: text("/_uploads/"),
            ..Options::default()
        }
    }

    fn lines(options: &Options, place: Place) -> Result<Vec<String>, ConfigError> {
        let config = Config::proxied_from(options)?;
        let text = match place {
            Place::Http => http_settings(&config),
            Place::Server => {
                server_settings(&config, config.objects_url.as_deref().unwrap_or_default())
            }
        }?;
        Ok(text.lines().map(|line| line.trim().to_owned()).collect())
    }

    #[track_caller]
    fn assert_has(options: &Options, place: Place, expected: &[&str]) {
        let lines = lines(options, place).unwrap();
        for line in expected {
            assert!(
                lines.iter().any(|each| each == line),
                "{line} in {lines:#?}"
            );
        }
    }

    #[test]
    fn the_package_gets_the_documented_settings_before_a_bucket_is_named() {
        assert_has(
            &packaged(),
            Place::Server,
            &[
                "client_max_body_size 1114112;",
                "client_body_buffer_size 1114112;",
                "limit_conn image_handler_bodies 240;",
                "limit_conn image_handler_bodies_of_client 7;",
                "limit_req zone=image_handler_requests burst=8400 nodelay;",
                "root \"/usr/share/image-handler/web\";",
                "set $image_handler_max_upload_bytes 1048576;",
                "set $image_handler_https_url \"https://$host\";",
                "set $image_handler_only_tls \"\";",
                "location /_uploads/originals/ {",
                "alias \"/var/lib/image-handler/originals/\";",
                "location /_uploads/variants/ {",
                "alias \"/var/lib/image-handler/variants/\";",
            ],
        );
        assert_has(
            &packaged(),
            Place::Http,
            &[
                "server 127.0.0.1:8080 max_fails=0;",
                "limit_req_zone $image_handler_client zone=image_handler_requests:16m rate=102r/s;",
            ],
        );
    }

    #[test]
    fn every_setting_that_nginx_depends_on_changes_its_settings() {
        let text = |text: &str| Some(text.to_owned());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "").unwrap();
        let options = Options {
            listen: text("[::]:9000"),
            public_url: text("https://images.example.org"),
            web_dir: text(folder.path().to_str().unwrap()),
            uploads_dir: text("/srv/my pictures"),
            accel_prefix: text("/a/b/"),
            s3_public_url: text("https://cdn.example.org"),
            max_upload_bytes: text("104857600"),
            upload_rate: text("10/second"),
            read_rate: text("1000000/second"),
            ..Options::default()
        };
        assert_has(
            &options,
            Place::Server,
            &[
                "client_max_body_size 104923136;",
                "limit_conn image_handler_bodies 16;",
                "limit_conn image_handler_bodies_of_client 2;",
                "limit_req zone=image_handler_requests burst=2000020 nodelay;",
                &format!("root \"{}\";", folder.path().display()),
                "set $image_handler_https_url \"https://images.example.org\";",
                "set $image_handler_only_tls \"max-age=63072000\";",
                "location /a/b/originals/ {",
                "alias \"/srv/my pictures/originals/\";",
                "location /a/b/variants/ {",
                "alias \"/srv/my pictures/variants/\";",
            ],
        );
        let joined = lines(&options, Place::Server).unwrap().join("\n");
        assert!(joined.contains("img-src 'self' blob: https://cdn.example.org;"));
        assert_has(
            &options,
            Place::Http,
            &[
                "server [::1]:9000 max_fails=0;",
                "limit_req_zone $image_handler_client zone=image_handler_requests:16m rate=2000020r/s;",
            ],
        );
    }

    #[test]
    fn what_is_switched_off_is_switched_off_in_nginx() {
        let mut options = packaged();
        options.accel_prefix = None;
        options.read_rate = Some("off".to_owned());
        let joined = lines(&options, Place::Server).unwrap().join("\n");
        assert!(!joined.contains("location") && !joined.contains("limit_req"));
    }

    #[test]
    fn what_nginx_cannot_be_told_is_named() {
        let mut options = packaged();
        options.uploads_dir = Some("/srv/$host".to_owned());
        let error = lines(&options, Place::Server).unwrap_err();
        assert_eq!(error.variable, "UPLOADS_DIR");
        let mut options = packaged();
        options.listen = Some("127.0.0.1:0".to_owned());
        let error = lines(&options, Place::Http).unwrap_err();
        assert_eq!(error.variable, "LISTEN");
    }

    #[tokio::test]
    async fn the_clients_policy_names_the_bucket() {
        let mut options = packaged();
        options.s3_bucket = Some("pictures".to_owned());
        options.aws_region = Some("eu-west-1".to_owned());
        let text = settings(&options, Place::Server).await.unwrap();
        assert!(text.contains("blob: https://pictures.s3.eu-west-1.amazonaws.com;"));
    }
}
