//! The S3 endpoint of a test: s3s-fs over HTTP, which can be stopped and started again.

use std::net::SocketAddr;
use std::path::PathBuf;

use image_handler::domain::{Checksum, Image, ImageId, MediaType, Uploader};
use image_handler::storage::embedded_s3::EmbeddedS3;
use image_handler::storage::{
    ObjectAcl, ObjectStore, ObjectStoreConfig, StaticCredentials, StorageKey,
};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::ports;

pub(crate) const BUCKET: &str = "pictures";

pub(crate) struct TestS3 {
    folder: TempDir,
    address: SocketAddr,
    running: Option<EmbeddedS3>,
}

impl TestS3 {
    pub(crate) async fn start() -> Self {
        Self::start_on(tempfile::tempdir().unwrap()).await
    }

    /// Starts with what is in the folder.
    pub(crate) async fn start_on(folder: TempDir) -> Self {
        let address = ports::reserve();
        let listener = ports::listen_again(address).await;
        let running = serve(folder.path().to_owned(), listener).await;
        Self {
            folder,
            address,
            running: Some(running),
        }
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    pub(crate) async fn start_again(&mut self) {
        let listener = ports::listen_again(self.address).await;
        self.running = Some(serve(self.folder.path().to_owned(), listener).await);
    }

    pub(crate) fn config(&self) -> ObjectStoreConfig {
        config_of(self.address)
    }

    /// Where the endpoint keeps everything.
    #[cfg(feature = "failpoints")]
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Removes what the endpoint keeps beside the objects, as if it had been stopped before it wrote that.
    pub(crate) fn forget_checksums(&self) {
        let mut forgotten = 0;
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = file.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                std::fs::remove_file(path).unwrap();
                forgotten += 1;
            }
        }
        assert!(forgotten > 0, "nothing was kept beside the objects");
    }

    /// The objects in the bucket, as the endpoint keeps them.
    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        super::app::files_below(&self.folder.path().join(BUCKET))
    }
}

/// The configuration of the tests' bucket on an endpoint.
pub(crate) fn config_of(endpoint: SocketAddr) -> ObjectStoreConfig {
    ObjectStoreConfig {
        bucket: BUCKET.to_owned(),
        prefix: "images/".to_owned(),
        endpoint: Some(format!("http://{endpoint}")),
        region: Some("us-east-1".to_owned()),
        public_url: None,
        acl: ObjectAcl::None,
        credentials: Some(credentials()),
    }
}

/// The same as the environment of a process.
pub(crate) fn environment_of(endpoint: SocketAddr) -> [(&'static str, String); 5] {
    let credentials = credentials();
    [
        ("S3_BUCKET", BUCKET.to_owned()),
        ("S3_ENDPOINT", format!("http://{endpoint}")),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
    ]
}

/// An image of these bytes, as far as its object is concerned.
pub(crate) fn image_of(store: &ObjectStore, id: ImageId, bytes: &[u8]) -> Image {
    let media_type = MediaType::Jpeg;
    let (object_key, url) = store.address(StorageKey::Original { id, media_type });
    Image {
        id,
        uploader: Uploader::parse("Ada").unwrap(),
        alt: None,
        file_name: None,
        media_type,
        size_bytes: bytes.len() as u64,
        width: 1,
        height: 1,
        sha256: Checksum::of(bytes),
        received_sha256: None,
        object_key,
        url,
        idempotency_key: None,
        stored_at: None,
        thumbhash: None,
    }
}

pub(crate) fn credentials() -> StaticCredentials {
    StaticCredentials {
        access_key_id: "test".to_owned(),
        secret_access_key: "test-secret".to_owned(),
    }
}

async fn serve(folder: PathBuf, listener: TcpListener) -> EmbeddedS3 {
    EmbeddedS3::serve(folder, BUCKET, listener, credentials())
        .await
        .unwrap()
}
