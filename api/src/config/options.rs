//! The settings as a person writes them. Their comments are the text of `--help`.

/// The settings as they are written, one environment variable and one flag each.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::doc_markdown, reason = "these comments are what --help prints")]
pub struct Options {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "LISTEN", hide_env_values = true, global = true)]
    pub listen: Option<String>,
    /// What the links in answers begin with [default: http:// and the address that is listened on]
    #[arg(long, env = "PUBLIC_URL", hide_env_values = true, global = true)]
    pub public_url: Option<String>,
    /// Seconds that requests in flight get to end after SIGTERM or SIGINT [default: 25]
    #[arg(long, env = "SHUTDOWN_SECONDS", hide_env_values = true, global = true)]
    pub shutdown_seconds: Option<String>,
    /// Folder of the local copies and the journal; made when missing [default: uploads]
    #[arg(long, env = "UPLOADS_DIR", hide_env_values = true, global = true)]
    pub uploads_dir: Option<String>,
    /// Folder of the web client, or "none" to serve the API alone [default: web/public]
    #[arg(long, env = "WEB_DIR", hide_env_values = true, global = true)]
    pub web_dir: Option<String>,
    /// Internal address below which nginx sends the files of UPLOADS_DIR, such as /_uploads/ [default: none, the
    /// service sends them]
    #[arg(long, env = "ACCEL_PREFIX", hide_env_values = true, global = true)]
    pub accel_prefix: Option<String>,
    /// sqlite://PATH or mysql://USER:PASSWORD@HOST/DATABASE [default: sqlite, metadata.db in UPLOADS_DIR]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// ARN of the secret in Secrets Manager with the login of the MySQL server, in the place of DATABASE_URL; read
    /// again when the server refuses it [default: none]
    #[arg(
        long,
        env = "DATABASE_SECRET_ARN",
        hide_env_values = true,
        global = true
    )]
    pub database_secret_arn: Option<String>,
    /// PEM file with the CA certificates of the MySQL server; switches TLS on. Needed with DATABASE_SECRET_ARN,
    /// unless the server is on this host [default: none]
    #[arg(long, env = "DATABASE_CA", hide_env_values = true, global = true)]
    pub database_ca: Option<String>,
    /// Bucket of the objects [default: none, objects go to the embedded S3 endpoint]
    #[arg(long, env = "S3_BUCKET", hide_env_values = true, global = true)]
    pub s3_bucket: Option<String>,
    /// What object keys begin with [default: images/]
    #[arg(long, env = "S3_PREFIX", hide_env_values = true, global = true)]
    pub s3_prefix: Option<String>,
    /// Address of an S3-compatible endpoint [default: Amazon's for the region]
    #[arg(long, env = "S3_ENDPOINT", hide_env_values = true, global = true)]
    pub s3_endpoint: Option<String>,
    /// What public object URLs begin with [default: the bucket's own address]
    #[arg(long, env = "S3_PUBLIC_URL", hide_env_values = true, global = true)]
    pub s3_public_url: Option<String>,
    /// Canned ACL sent with objects, none or public-read [default: none]
    #[arg(long, env = "S3_ACL", hide_env_values = true, global = true)]
    pub s3_acl: Option<String>,
    /// Region of the bucket [default: what the SDK finds; us-east-1 with S3_ENDPOINT]
    #[arg(long, env = "AWS_REGION", hide_env_values = true, global = true)]
    pub aws_region: Option<String>,
    /// Largest file that is taken, in bytes [default: 1048576]
    #[arg(long, env = "MAX_UPLOAD_BYTES", hide_env_values = true, global = true)]
    pub max_upload_bytes: Option<String>,
    /// Bytes that uploads leave free on the disk of UPLOADS_DIR; below it they are refused. 0 for none [default: 268435456]
    #[arg(long, env = "MIN_FREE_BYTES", hide_env_values = true, global = true)]
    pub min_free_bytes: Option<String>,
    /// Longer side of the variants thumb, small and medium, in pixels [default: 320,640,1280]
    #[arg(long, env = "VARIANT_SIZES", hide_env_values = true, global = true)]
    pub variant_sizes: Option<String>,
    /// Bytes that variants may take on the disk of UPLOADS_DIR; those used longest ago are removed. 0 keeps none
    /// [default: 1073741824]
    #[arg(
        long,
        env = "VARIANTS_MAX_BYTES",
        hide_env_values = true,
        global = true
    )]
    pub variants_max_bytes: Option<String>,
    /// Bytes of memory that variants may take while they are made, all together; one that needs more is made
    /// alone [default: 268435456]
    #[arg(
        long,
        env = "RENDER_MEMORY_BYTES",
        hide_env_values = true,
        global = true
    )]
    pub render_memory_bytes: Option<String>,
    /// Key that may delete any image, at least 20 characters [default: none]
    #[arg(long, env = "ADMIN_KEY", hide_env_values = true, global = true)]
    pub admin_key: Option<String>,
    /// Secret that delete tokens are made with, at least 32 characters [default: made and kept in UPLOADS_DIR]
    #[arg(long, env = "SECRET", hide_env_values = true, global = true)]
    pub secret: Option<String>,
    /// Addresses and networks of proxies whose X-Forwarded-For is believed, or "none" [default: 127.0.0.0/8,::1]
    #[arg(long, env = "TRUSTED_PROXIES", hide_env_values = true, global = true)]
    pub trusted_proxies: Option<String>,
    /// Uploads that one client may send, such as 60/minute, or "off" [default: 1200/hour]
    #[arg(long, env = "UPLOAD_RATE", hide_env_values = true, global = true)]
    pub upload_rate: Option<String>,
    /// Other requests that one client may send, such as 50/second, or "off" [default: 3000/minute]
    #[arg(long, env = "READ_RATE", hide_env_values = true, global = true)]
    pub read_rate: Option<String>,
    /// Uploads that are received at the same time [default: what fits into 28 MiB, 25 of 1 MB each]
    #[arg(
        long,
        env = "MAX_UPLOADS_IN_FLIGHT",
        hide_env_values = true,
        global = true
    )]
    pub max_uploads_in_flight: Option<String>,
    /// Seconds that the body of an upload may take to arrive [default: 300]
    #[arg(long, env = "UPLOAD_DEADLINE", hide_env_values = true, global = true)]
    pub upload_deadline: Option<String>,
    /// Bytes a second that an upload has to bring, averaged over 20 seconds; 0 for any [default: 1024]
    #[arg(long, env = "UPLOAD_MIN_SPEED", hide_env_values = true, global = true)]
    pub upload_min_speed: Option<String>,
    /// Origins whose pages may upload and delete, beside the service's own [default: none]
    #[arg(long, env = "ALLOWED_ORIGINS", hide_env_values = true, global = true)]
    pub allowed_origins: Option<String>,
    /// Keys that uploads need, as NAME:SHA256, separated by commas; "image-handler upload-key NAME" makes
    /// one [default: none, anybody may upload]
    #[arg(long, env = "UPLOAD_KEYS", hide_env_values = true, global = true)]
    pub upload_keys: Option<String>,
    /// Whether strangers may list images; "false" leaves that to ADMIN_KEY [default: true]
    #[arg(long, env = "PUBLIC_LISTING", hide_env_values = true, global = true)]
    pub public_listing: Option<String>,
    /// "true" publishes images with their metadata: place, camera, thumbnails. For archives [default: false]
    #[arg(long, env = "KEEP_METADATA", hide_env_values = true, global = true)]
    pub keep_metadata: Option<String>,
}
