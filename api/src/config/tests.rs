//! Settings as they are taken, and what is said of wrong ones.

use super::*;

fn options() -> Options {
    Options {
        web_dir: Some("none".to_owned()),
        ..Options::default()
    }
}

/// Sets one option by the name of its variable.
fn with(variable: &str, value: &str) -> Options {
    let mut options = options();
    let value = Some(value.to_owned());
    match variable {
        "LISTEN" => options.listen = value,
        "PUBLIC_URL" => options.public_url = value,
        "WEB_DIR" => options.web_dir = value,
        "ACCEL_PREFIX" => options.accel_prefix = value,
        "DATABASE_URL" => options.database_url = value,
        "DATABASE_SECRET_ARN" => options.database_secret_arn = value,
        "S3_BUCKET" => options.s3_bucket = value,
        "S3_PREFIX" => options.s3_prefix = value,
        "S3_ENDPOINT" => options.s3_endpoint = value,
        "S3_PUBLIC_URL" => options.s3_public_url = value,
        "S3_ACL" => options.s3_acl = value,
        "MAX_UPLOAD_BYTES" => options.max_upload_bytes = value,
        "MIN_FREE_BYTES" => options.min_free_bytes = value,
        "ADMIN_KEY" => options.admin_key = value,
        "SECRET" => options.secret = value,
        "UPLOAD_KEYS" => options.upload_keys = value,
        "PUBLIC_LISTING" => options.public_listing = value,
        "KEEP_METADATA" => options.keep_metadata = value,
        "TRUSTED_PROXIES" => options.trusted_proxies = value,
        "UPLOAD_RATE" => options.upload_rate = value,
        "READ_RATE" => options.read_rate = value,
        "MAX_UPLOADS_IN_FLIGHT" => options.max_uploads_in_flight = value,
        "UPLOAD_DEADLINE" => options.upload_deadline = value,
        "UPLOAD_MIN_SPEED" => options.upload_min_speed = value,
        "ALLOWED_ORIGINS" => options.allowed_origins = value,
        other => panic!("no option {other}"),
    }
    options
}

#[test]
fn nothing_set_means_the_documented_defaults() {
    let config = Config::from_options(options()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.uploads_dir, PathBuf::from("uploads"));
    assert_eq!(
        config.database,
        DbConfig::Sqlite {
            path: "uploads/metadata.db".into()
        }
    );
    assert_eq!(config.limits.max_upload_bytes, 1_048_576);
    assert_eq!(config.limits.min_free_bytes, 268_435_456);
    assert!(config.access.admin_key.is_none());
    assert!(config.access.upload_keys.is_none());
    assert!(config.access.public_listing);
    assert_eq!(config.metadata, Metadata::Remove);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    assert_eq!(
        Config::from_options(with("LISTEN", " "))
            .unwrap()
            .server
            .listen
            .port(),
        8080
    );
}

#[test]
fn every_wrong_setting_is_named_with_what_would_be_right() {
    let rows = [
        ("LISTEN", "8080", "127.0.0.1:8080"),
        ("LISTEN", "localhost:8080", "IP address"),
        (
            "PUBLIC_URL",
            "images.example.org",
            "https://images.example.org",
        ),
        ("PUBLIC_URL", "ftp://images.example.org", "web address"),
        (
            "PUBLIC_URL",
            "https://images.example.org/?a=b",
            "web address",
        ),
        ("WEB_DIR", "/nowhere", "index.html"),
        ("ACCEL_PREFIX", "/_uploads", "/_uploads/"),
        ("ACCEL_PREFIX", "/", "single slashes"),
        ("ACCEL_PREFIX", "/a/../b/", "single slashes"),
        ("ACCEL_PREFIX", "/i/", "its own"),
        ("DATABASE_URL", "postgres://u:hunter2@h/d", "mysql://"),
        ("DATABASE_URL", "sqlite://", "path"),
        ("DATABASE_URL", "mysql://u:hunter2@h", "database is missing"),
        ("DATABASE_SECRET_ARN", "hunter2", "secretsmanager:REGION"),
        (
            "DATABASE_SECRET_ARN",
            "arn:aws:s3:::hunter2",
            "list-secrets",
        ),
        ("S3_BUCKET", "No_Bucket", "lower-case"),
        ("S3_BUCKET", "ab", "3 to 63"),
        ("S3_PREFIX", "../images", "single slashes"),
        ("S3_PREFIX", "/images", "single slashes"),
        ("S3_PREFIX", "a b", "letters"),
        ("S3_PUBLIC_URL", "cdn", "web address"),
        ("S3_ACL", "private", "public-read"),
        ("MAX_UPLOAD_BYTES", "1MB", "number of bytes"),
        ("MAX_UPLOAD_BYTES", "0", "from 1"),
        ("MAX_UPLOAD_BYTES", "999999999999", "104857600"),
        ("MIN_FREE_BYTES", "1GB", "number of bytes"),
        ("MIN_FREE_BYTES", "-1", "0 for none"),
        ("ADMIN_KEY", "hunter2", "20 characters"),
        ("SECRET", "hunter2", "32 characters"),
        ("UPLOAD_KEYS", "hunter2", "NAME:SHA256"),
        ("UPLOAD_KEYS", "phone:hunter2", "upload-key NAME"),
        ("PUBLIC_LISTING", "no", "true nor false"),
        ("PUBLIC_LISTING", "false", "set ADMIN_KEY"),
        ("KEEP_METADATA", "1", "true nor false"),
        ("TRUSTED_PROXIES", "nginx", "10.0.0.0/16"),
        ("TRUSTED_PROXIES", "10.0.0.1,10.0.0.0/33", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "::ffff:10.0.0.1", "neither"),
        ("UPLOAD_RATE", "60", "60/minute"),
        ("UPLOAD_RATE", "0/minute", "60/minute"),
        ("UPLOAD_RATE", "60/day", "second, minute or hour"),
        ("READ_RATE", "none", "off"),
        ("READ_RATE", "1000001/second", "1000000"),
        ("MAX_UPLOADS_IN_FLIGHT", "0", "from 1"),
        ("UPLOAD_DEADLINE", "5m", "from 1 to 86400"),
        ("UPLOAD_MIN_SPEED", "-1", "from 0"),
        ("ALLOWED_ORIGINS", "*", "web address"),
        ("ALLOWED_ORIGINS", "null", "web address"),
        (
            "ALLOWED_ORIGINS",
            "https://a.example,https://b.example/path",
            "scheme, host and port",
        ),
    ];
    for (variable, value, expected) in rows {
        let error = Config::from_options(with(variable, value)).unwrap_err();
        assert_eq!(error.variable, variable, "{value}");
        let message = error.to_string();
        assert!(message.contains(expected), "{message}");
        assert!(
            !message.contains('\n') && !message.contains("hunter2"),
            "{message}"
        );
    }
}

#[test]
fn an_endpoint_needs_a_bucket() {
    let error = Config::from_options(with("S3_ENDPOINT", "http://127.0.0.1:9000")).unwrap_err();
    assert_eq!(error.variable, "S3_BUCKET");
}

#[test]
fn prefixes_end_in_one_slash() {
    let config = Config::from_options(with("S3_PREFIX", "a/b")).unwrap();
    assert!(matches!(config.objects, ObjectsConfig::Embedded { prefix, .. } if prefix == "a/b/"));
}
