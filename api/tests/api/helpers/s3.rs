//! The S3 endpoint of a test: s3s-fs over HTTP, which can be stopped and started again.

use std::net::SocketAddr;
use std::path::PathBuf;

use image_handler::storage::embedded_s3::EmbeddedS3;
use image_handler::storage::{ObjectAcl, ObjectStoreConfig, StaticCredentials};
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
        let folder = tempfile::tempdir().unwrap();
        let address = ports::reserve();
        let listener = TcpListener::bind(address).await.unwrap();
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
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.running = Some(serve(self.folder.path().to_owned(), listener).await);
    }

    pub(crate) fn config(&self) -> ObjectStoreConfig {
        ObjectStoreConfig {
            bucket: BUCKET.to_owned(),
            prefix: "images/".to_owned(),
            endpoint: Some(format!("http://{}", self.address)),
            region: Some("us-east-1".to_owned()),
            public_url: None,
            acl: ObjectAcl::None,
            credentials: Some(credentials()),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The objects in the bucket, as the endpoint keeps them.
    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        super::app::files_below(&self.folder.path().join(BUCKET))
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
