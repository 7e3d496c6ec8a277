//! The service as a test runs it: built like the binary builds it, on a free port.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image_handler::config::{Config, ObjectsConfig, Options};
use image_handler::domain::{AdminKey, Secret};
use image_handler::images::Patience;
use image_handler::server::Application;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::answer::Answer;
use super::database::{Engine, TestDatabase};
use super::fault_proxy::FaultProxy;
use super::fixtures::photo;
use super::gate::Gate;
use super::root;
use super::s3::{BUCKET, TestS3};

pub(crate) const ADMIN_KEY: &str = "the operator's key of the tests";

/// A database and a bucket, on which one or several hosts run.
pub(crate) struct TestApp {
    pub(crate) database: TestDatabase,
    pub(crate) s3: TestS3,
    pub(crate) host: Host,
}

/// One running service with its uploads folder.
pub(crate) struct Host {
    pub(crate) uploads: TempDir,
    pub(crate) address: SocketAddr,
    config: Config,
    running: Option<(
        actix_web::dev::ServerHandle,
        JoinHandle<std::io::Result<()>>,
    )>,
    client: reqwest::Client,
}

impl TestApp {
    pub(crate) async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |_| {}).await
    }

    /// Starts with a configuration that the test has changed.
    pub(crate) async fn start_with(engine: Engine, change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::new(engine).await;
        let s3 = TestS3::start().await;
        let host = Host::start(&database, &s3, change).await;
        Self { database, s3, host }
    }

    /// Starts with a gate before its S3 endpoint. Public URLs lead past the gate, and answers do not wait
    /// for S3 for long.
    pub(crate) async fn start_behind_gate(engine: Engine) -> (Self, Gate) {
        let database = TestDatabase::new(engine).await;
        let s3 = TestS3::start().await;
        let gate = Gate::to(s3.address()).await;
        let mut objects = s3.config();
        objects.public_url = Some(format!("http://{}/{BUCKET}", s3.address()));
        objects.endpoint = Some(format!("http://{}", gate.address()));
        let host = Host::start(&database, &s3, |config| {
            config.objects = ObjectsConfig::Bucket(objects);
            config.patience.upload_object = Duration::from_millis(100);
        })
        .await;
        (Self { database, s3, host }, gate)
    }

    /// Starts with a proxy before its S3 endpoint that can break it. Public URLs lead past the proxy.
    pub(crate) async fn start_behind_faults(
        engine: Engine,
        change: impl FnOnce(&mut Config),
    ) -> (Self, FaultProxy) {
        let database = TestDatabase::new(engine).await;
        let s3 = TestS3::start().await;
        let proxy = FaultProxy::to(s3.address()).await;
        let mut objects = s3.config();
        objects.public_url = Some(format!("http://{}/{BUCKET}", s3.address()));
        objects.endpoint = Some(format!("http://{}", proxy.address()));
        let host = Host::start(&database, &s3, |config| {
            config.objects = ObjectsConfig::Bucket(objects);
            change(config);
        })
        .await;
        (Self { database, s3, host }, proxy)
    }

    /// Another host on the same database and the same bucket.
    pub(crate) async fn another_host(&self) -> Host {
        self.another_host_with(|_| {}).await
    }

    pub(crate) async fn another_host_with(&self, change: impl FnOnce(&mut Config)) -> Host {
        Host::start(&self.database, &self.s3, change).await
    }

    /// Nothing is left of any upload: no file, no object, no row.
    pub(crate) async fn assert_empty(&self, why: &str) {
        self.host.assert_no_files(why);
        assert!(
            self.s3.objects().is_empty(),
            "{why}: {:?}",
            self.s3.objects()
        );
        let rows = self.database.rows().await;
        assert!(rows.is_empty(), "{why}: {rows:?}");
    }
}

impl std::ops::Deref for TestApp {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Host {
    async fn start(database: &TestDatabase, s3: &TestS3, change: impl FnOnce(&mut Config)) -> Self {
        let uploads = tempfile::tempdir().unwrap();
        let web = root().join("web/public").to_string_lossy().into_owned();
        let options = Options {
            web_dir: Some(web),
            listen: Some("127.0.0.1:0".to_owned()),
            ..Options::default()
        };
        let mut config = Config::from_options(options).unwrap();
        config.uploads_dir = uploads.path().to_owned();
        config.database = database.config();
        config.objects = ObjectsConfig::Bucket(s3.config());
        config.secret = Some(Secret::new("the secret of the tests, long enough").unwrap());
        config.access.admin_key = Some(AdminKey::new(ADMIN_KEY).unwrap());
        // A busy machine must not make a healthy part look away; the replayer must not keep tests waiting.
        config.patience = Patience {
            upload_object: Duration::from_secs(20),
            upload_record: Duration::from_secs(20),
            read: Duration::from_secs(20),
            replay_pause: Duration::from_millis(200),
            tombstones: Duration::from_millis(200),
            late_object: Duration::ZERO,
            ..Patience::default()
        };
        // Nor must many uploads at once be too many, unless that is what is tested.
        config.protection.max_uploads_in_flight = Some(256);
        change(&mut config);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host = Self {
            uploads,
            address,
            config,
            running: None,
            client,
        };
        host.start_again().await;
        host
    }

    /// Stops gracefully and starts on the same folder, database and bucket.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    /// The same with other settings.
    pub(crate) async fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        self.stop().await;
        change(&mut self.config);
        self.start_again().await;
    }

    pub(crate) async fn stop(&mut self) {
        if let Some((handle, task)) = self.running.take() {
            // Connections that the client keeps open would otherwise be waited for.
            self.client = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap();
            handle.stop(true).await;
            task.await.unwrap().unwrap();
        }
    }

    async fn start_again(&mut self) {
        // The threads of the server that ended may hold the folder's lock a moment longer.
        // Boxed: the future is large, and every test's would be as large.
        let mut application = Box::pin(Application::build(self.config.clone())).await;
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while application
            .as_ref()
            .is_err_and(|error| error.problem.contains("another image-handler"))
            && std::time::Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
            application = Box::pin(Application::build(self.config.clone())).await;
        }
        let application = application.unwrap();
        self.address = application.address();
        self.running = Some((
            application.handle(),
            tokio::spawn(application.run_until_stopped()),
        ));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Fetches any URL as a stranger would, without the checks for answers of the service.
    pub(crate) async fn fetch(&self, url: &str) -> (u16, Vec<u8>) {
        let response = self.client.get(url).send().await.unwrap();
        (
            response.status().as_u16(),
            response.bytes().await.unwrap().to_vec(),
        )
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) fn upload_request(&self, form: Form) -> RequestBuilder {
        self.request(Method::POST, "/api/v1/images").multipart(form)
    }

    pub(crate) async fn upload(&self, form: Form) -> Answer {
        self.send(self.upload_request(form)).await
    }

    /// Uploads a photo that the service takes, and gives the image.
    pub(crate) async fn upload_photo(&self) -> Value {
        self.upload(form("Ada", photo())).await.expect(201).json()
    }

    pub(crate) async fn upload_with_key(&self, key: &str, form: Form) -> Answer {
        self.send(self.upload_request(form).header("Idempotency-Key", key))
            .await
    }

    pub(crate) async fn delete(&self, id: &str, token: &str) -> Answer {
        let request = self.request(Method::DELETE, &format!("/api/v1/images/{id}"));
        self.send(request.bearer_auth(token)).await
    }

    /// The files that uploads leave: local copies, variants, journal entries, temporary files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        ["originals", "variants", "journal", "tmp"]
            .iter()
            .flat_map(|name| files_below(&self.uploads.path().join(name)))
            // What is remembered of settled uploads is owed to nobody.
            .filter(|path| !path.starts_with(self.uploads.path().join("journal/settled")))
            .collect()
    }

    pub(crate) fn assert_no_files(&self, why: &str) {
        assert!(self.files().is_empty(), "{why}: {:?}", self.files());
    }

    /// The journal entries, read past the service's code.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.uploads.path().join("journal")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let files = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
        // One that ends at this moment is none any more.
        let texts = files.filter_map(|path| std::fs::read(path).ok());
        texts
            .map(|text| serde_json::from_slice(&text).unwrap())
            .collect()
    }

    /// The local copy of an image.
    pub(crate) fn local_copy(&self, image: &Value) -> PathBuf {
        let day = &image["created_at"].as_str().unwrap()[..10];
        let name = image["link"].as_str().unwrap().rsplit('/').next().unwrap();
        self.uploads.path().join("originals").join(day).join(name)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some((handle, _)) = self.running.take() {
            // Told at once; nobody waits for it when a test has failed.
            drop(handle.stop(false));
        }
    }
}

/// The form of an upload.
pub(crate) fn form(uploader: &str, bytes: Vec<u8>) -> Form {
    Form::new()
        .text("uploader", uploader.to_owned())
        .part("file", file(bytes, "photo.jpg"))
}

pub(crate) fn file(bytes: Vec<u8>, name: &str) -> Part {
    Part::bytes(bytes).file_name(name.to_owned())
}

/// The path of a URL of the service.
pub(crate) fn path(url: &Value) -> String {
    let url = url.as_str().unwrap();
    url.splitn(4, '/')
        .nth(3)
        .map(|path| format!("/{path}"))
        .unwrap()
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
