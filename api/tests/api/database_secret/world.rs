//! A MariaDB with TLS, a Secrets Manager with the login in it, and the executable that knows nothing but the secret.

use std::cell::RefCell;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::certificates::{Certificates, NAME};
use crate::helpers::answer::Answer;
use crate::helpers::app::form;
use crate::helpers::fixtures::photo;
use crate::helpers::gate::Gate;
use crate::helpers::mariadb::{self, administrator};
use crate::helpers::moto::Moto;
use crate::helpers::process::{Running, command};
use crate::helpers::s3::credentials;
use crate::helpers::until;

/// The passwords. Neither may be read anywhere.
pub(super) const FIRST: &str = "first-hunter2-hunter2";
pub(super) const SECOND: &str = "second-hunter2-hunter2";

/// What stands in the head of each request for the secret.
const READ: &str = "secretsmanager.GetSecretValue";

/// The server that most tests share, each with a database and a user of its own.
struct TlsServer {
    server: mariadb::Server,
    ca: String,
}

fn tls_server() -> &'static TlsServer {
    static SERVER: OnceLock<TlsServer> = OnceLock::new();
    SERVER.get_or_init(|| {
        let certificates = Certificates::make();
        TlsServer {
            server: mariadb::start(&certificates.settings()),
            ca: certificates.ca(),
        }
    })
}

/// What a test works with.
pub(super) struct World {
    moto: Moto,
    /// Before Secrets Manager.
    pub(super) secrets: Gate,
    arn: String,
    pub(super) port: u16,
    /// The name of the database and of its user.
    pub(super) name: String,
    /// The configured CA file, if there is one.
    pub(super) ca: Option<String>,
    folder: TempDir,
}

impl World {
    /// A database, its user, the secret with the login, and the right CA. All is well.
    pub(super) async fn new() -> Self {
        let world = Self::without_user().await;
        world.make_user(FIRST).await;
        world
    }

    /// The same before anybody has made database and user.
    pub(super) async fn without_user() -> Self {
        let shared = tokio::task::spawn_blocking(tls_server).await.unwrap();
        Self::on(shared.server.port, Some(&shared.ca)).await
    }

    /// On another server.
    pub(super) async fn on(port: u16, ca: Option<&str>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let moto = Moto::start().await;
        let name = format!("secret_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let created = moto.secrets().create_secret().name(&name);
        let created = created.secret_string("{}").send().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca = ca.map(|ca| {
            let file = folder.path().join("ca.pem");
            std::fs::write(&file, ca).unwrap();
            file.to_string_lossy().into_owned()
        });
        let world = Self {
            secrets: Gate::to(moto.address()).await,
            moto,
            arn: created.arn.unwrap(),
            port,
            name,
            ca,
            folder,
        };
        world.put(&world.login(FIRST)).await;
        world
    }

    /// What bootstrap-db does.
    pub(super) async fn make_user(&self, password: &str) {
        let name = &self.name;
        // A server without TLS makes no use of it.
        let require = if self.ca.is_some() { "REQUIRE SSL" } else { "" };
        self.execute(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"))
            .await;
        self.execute(&format!(
            "CREATE USER {name}@'%' IDENTIFIED BY '{password}' {require}"
        ))
        .await;
        self.execute(&format!("GRANT ALL ON {name}.* TO {name}@'%'"))
            .await;
    }

    /// A password that only the server knows so far.
    pub(super) async fn change_password(&self, password: &str) {
        let name = &self.name;
        self.execute(&format!("ALTER USER {name}@'%' IDENTIFIED BY '{password}'"))
            .await;
    }

    /// Ends every connection of the user.
    pub(super) async fn kill_connections(&self) {
        for id in self.connections().await {
            let mut root = administrator(self.port).await;
            // It may have ended by itself.
            let _ = root.query_drop(format!("KILL {id}")).await;
            root.disconnect().await.unwrap();
        }
    }

    /// The connections of the user, by the server's numbers.
    pub(super) async fn connections(&self) -> Vec<u64> {
        self.query(&format!(
            "SELECT id FROM information_schema.processlist WHERE user = '{}'",
            self.name
        ))
        .await
    }

    pub(super) async fn execute(&self, sql: &str) {
        let mut root = administrator(self.port).await;
        root.query_drop(sql).await.unwrap();
        root.disconnect().await.unwrap();
    }

    async fn query<T: mysql_async::prelude::FromRow + Send + 'static>(&self, sql: &str) -> Vec<T> {
        let mut root = administrator(self.port).await;
        let rows = root.query(sql).await.unwrap();
        root.disconnect().await.unwrap();
        rows
    }

    /// The images that have a record and no tombstone.
    pub(super) async fn recorded(&self) -> Vec<String> {
        let name = &self.name;
        let sql = format!("SELECT id FROM {name}.images WHERE deleted_at IS NULL ORDER BY id");
        self.query(&sql).await
    }

    /// The secret as it is kept for a database of RDS.
    pub(super) fn login(&self, password: &str) -> Value {
        json!({
            "engine": "mysql", "host": NAME, "port": self.port, "dbname": self.name,
            "username": self.name, "password": password,
        })
    }

    /// Puts a new version of the secret, past the gate.
    pub(super) async fn put(&self, secret: &Value) {
        let put = self.moto.secrets().put_secret_value();
        let put = put.secret_id(&self.arn).secret_string(secret.to_string());
        put.send().await.unwrap();
    }

    pub(super) fn moto(&self) -> &Moto {
        &self.moto
    }

    pub(super) fn arn(&self) -> &str {
        &self.arn
    }

    /// How often the secret was read.
    pub(super) fn reads(&self) -> usize {
        self.secrets.sent().matches(READ).count()
    }

    /// The settings that the executable gets.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let credentials = credentials();
        let mut settings = vec![
            ("DATABASE_SECRET_ARN", self.arn.clone()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("READ_RATE", "off".to_owned()),
            (
                "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                format!("http://{}", self.secrets.address()),
            ),
        ];
        settings.extend(self.ca.clone().map(|ca| ("DATABASE_CA", ca)));
        settings
    }

    pub(super) fn command(&self) -> Command {
        let mut command = command(&self.folder.path().join("uploads"));
        command.envs(self.settings());
        command
    }

    /// Starts the service, which writes its log into a file.
    pub(super) async fn serve(&self) -> Service {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = self.command();
        // Whatever the operator asks for, no password is logged.
        command.env("RUST_LOG", "trace").stderr(log);
        let running = tokio::task::spawn_blocking(|| Running::spawn(command));
        Service {
            running: running.await.unwrap(),
            client: reqwest::Client::new(),
        }
    }

    /// Runs the executable with these arguments and one more setting, which it has to refuse, and gives what it said.
    /// Should it serve instead, it is stopped.
    pub(super) async fn refused(&self, arguments: &[&str], setting: (&str, &str)) -> String {
        let said = self.folder.path().join("said");
        let mut command = self.command();
        command
            .args(arguments)
            .env(setting.0, setting.1)
            .stderr(std::fs::File::create(&said).unwrap());
        let ended = tokio::task::spawn_blocking(|| Running::try_spawn(command).map(drop));
        let status = ended.await.unwrap().expect_err("it serves");
        let said = std::fs::read_to_string(said).unwrap();
        assert_eq!(status.code(), Some(1), "{said}");
        said
    }

    /// What all services of this world have logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Stops the service, and sees that it neither failed nor told a password.
    pub(super) fn end(&self, service: Service) {
        let (status, _) = service.running.terminate();
        let log = self.log();
        assert_eq!(status.code(), Some(0), "{log}");
        for forbidden in [FIRST, SECOND, "panicked"] {
            assert!(!log.contains(forbidden), "{log}");
        }
    }

    /// Waits until exactly these images are recorded, each once.
    pub(super) async fn until_recorded(&self, images: &[&Value]) {
        let mut expected: Vec<&str> = images.iter().map(|image| id(image)).collect();
        expected.sort_unstable();
        until("they are recorded", || async {
            self.recorded().await == expected
        })
        .await;
    }
}

pub(super) fn id(image: &Value) -> &str {
    image["id"].as_str().unwrap()
}

/// The executable, serving.
pub(super) struct Service {
    running: Running,
    client: reqwest::Client,
}

impl Service {
    async fn upload(&self) -> Answer {
        let url = format!("{}/api/v1/images", self.running.address);
        let request = self.client.post(url).multipart(form("Ada", photo()));
        Answer::read(request.send().await.unwrap()).await
    }

    /// Uploads an image that is taken and recorded later.
    pub(super) async fn upload_pending(&self) -> Value {
        let image = self.upload().await.expect(202).json();
        assert_eq!(image["storage"]["record"], "pending", "{image}");
        image
    }

    /// Uploads until one is recorded at once again, and gives all that were taken.
    pub(super) async fn upload_until_recorded(&self) -> Vec<Value> {
        let images = RefCell::new(Vec::new());
        until("an upload is recorded at once", || async {
            let parts = &self.get("/readyz").await.json()["parts"];
            if parts["database"] != "ok" {
                return false;
            }
            // The migrations may still be to run, and a busy machine may be slower than uploads wait.
            let answer = self.upload().await;
            let is_recorded = answer.status == 201;
            images.borrow_mut().push(answer.json());
            if !is_recorded {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            is_recorded
        })
        .await;
        images.into_inner()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.running.address);
        Answer::read(self.client.get(url).send().await.unwrap()).await
    }

    pub(super) async fn delete(&self, image: &Value) -> Answer {
        let url = format!("{}/api/v1/images/{}", self.running.address, id(image));
        let token = image["delete_token"].as_str().unwrap();
        let request = self.client.delete(url).bearer_auth(token);
        Answer::read(request.send().await.unwrap()).await
    }
}
