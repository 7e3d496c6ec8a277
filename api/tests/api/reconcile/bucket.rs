//! The bucket as an operator with the AWS command line has it.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use image_handler::domain::{Checksum, Uploader};
use image_handler::storage::ObjectMetadata;

use crate::helpers::app::TestApp;
use crate::helpers::s3::{BUCKET, credentials};

fn client(app: &TestApp) -> Client {
    let keys = credentials();
    let settings = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", app.s3.address()))
        .force_path_style(true)
        .credentials_provider(Credentials::new(
            keys.access_key_id,
            keys.secret_access_key,
            None,
            None,
            "tests",
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(settings)
}

/// Stores an object, in the place of the one under the key.
pub(super) async fn put(app: &TestApp, key: &str, bytes: &[u8], record: Option<String>) {
    let mut request = client(app)
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(ByteStream::from(bytes.to_vec()));
    if let Some(record) = record {
        request = request.metadata(ObjectMetadata::NAME, record);
    }
    Box::pin(request.send()).await.unwrap();
}

/// What an object says of its record.
pub(super) async fn record_of(app: &TestApp, key: &str) -> Option<String> {
    let request = client(app).head_object().bucket(BUCKET).key(key);
    let head = Box::pin(request.send()).await.unwrap();
    head.metadata()?.get(ObjectMetadata::NAME).cloned()
}

/// What an object with these bytes says of its record.
pub(super) fn record(uploader: &str, bytes: &[u8]) -> String {
    let metadata = ObjectMetadata {
        uploader: Uploader::parse(uploader).unwrap(),
        alt: None,
        alt_cut: false,
        file_name: None,
        width: 640,
        height: 480,
        sha256: Checksum::of(bytes),
        received_sha256: None,
    };
    metadata.encode()
}
