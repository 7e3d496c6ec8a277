//! An S3 endpoint with versioned buckets, which the embedded one does not have, and Secrets Manager: a moto server
//! in a process of its own.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use image_handler::storage::ObjectStoreConfig;

use super::ports;
use super::s3::{BUCKET, config_of, credentials};

/// The server. It ends with the test.
pub(crate) struct Moto {
    process: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts it with an empty bucket that keeps versions.
    pub(crate) async fn start() -> Self {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools/bin/moto_server");
        let address = ports::reserve();
        let process = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `make setup`", program.display()));
        let moto = Self { process, address };
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "moto does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let client = moto.client();
        client.create_bucket().bucket(BUCKET).send().await.unwrap();
        let versioned = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        client
            .put_bucket_versioning()
            .bucket(BUCKET)
            .versioning_configuration(versioned)
            .send()
            .await
            .unwrap();
        moto
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn config(&self) -> ObjectStoreConfig {
        config_of(self.address)
    }

    /// An operator's look at the bucket.
    pub(crate) fn client(&self) -> Client {
        let credentials = credentials();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", self.address))
            .force_path_style(true)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::from_keys(
                credentials.access_key_id,
                credentials.secret_access_key,
                None,
            ))
            .build();
        Client::from_conf(config)
    }

    /// An operator's hand on Secrets Manager.
    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        let credentials = credentials();
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", self.address))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::from_keys(
                credentials.access_key_id,
                credentials.secret_access_key,
                None,
            ))
            .build();
        aws_sdk_secretsmanager::Client::from_conf(config)
    }

    /// The keys of all versions and delete markers, one for each.
    pub(crate) async fn versions(&self) -> Vec<String> {
        let listed = self.client().list_object_versions().bucket(BUCKET);
        let page = listed.send().await.unwrap();
        assert_ne!(page.is_truncated(), Some(true), "more than a page");
        let versions = page.versions().iter().map(|version| version.key());
        let markers = page.delete_markers().iter().map(|marker| marker.key());
        let keys = versions.chain(markers).flatten();
        keys.map(str::to_owned).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
