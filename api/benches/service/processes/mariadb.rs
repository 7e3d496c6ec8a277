//! A MariaDB server with the settings that it comes with: every transaction is synced.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use mysql_async::prelude::Queryable as _;

use super::{Process, bare, free_address};

pub(crate) struct Mariadb {
    /// Ended with it.
    _process: Process,
    address: SocketAddr,
}

impl Mariadb {
    /// Makes a server's files in `folder` and starts it on them.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("mariadb");
        std::fs::create_dir_all(folder.join("tmp"))?;
        let data = folder.join("data");
        let with = |command: &mut Command| {
            command.arg("--no-defaults");
            if rustix::process::getuid().is_root() {
                // Another user may not enter these folders.
                command.arg("--user=root");
            }
            command.arg(format!("--datadir={}", data.display()));
            command.env("TMPDIR", folder.join("tmp"));
        };
        let mut install = bare("mariadb-install-db");
        with(&mut install);
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        let installed = install.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let installed = installed.context("mariadb-install-db is missing: run make setup")?;
        ensure!(installed.success(), "mariadb-install-db failed");
        let address = free_address()?;
        let mut command = bare("mariadbd");
        with(&mut command);
        command
            .arg("--bind-address=127.0.0.1")
            .arg(format!("--port={}", address.port()))
            // Below the data folder: a whole path may be too long for a socket.
            .args(["--socket=socket", "--pid-file=pid", "--max-connections=500"])
            .stdout(Stdio::null());
        let mut process = Process::start("mariadbd", &mut command, &folder)?;
        process.listens_at(address)?;
        Ok(Self {
            _process: process,
            address,
        })
    }

    /// Makes an empty database and gives its URL. No name of ours is a word of SQL, whatever it is called with.
    pub(crate) async fn new_database(&self, name: &str) -> anyhow::Result<String> {
        let name = format!("bench_{name}");
        let options = mysql_async::OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.address.port())
            .prefer_socket(false)
            .user(Some("root"));
        let mut connection = mysql_async::Conn::new(options).await?;
        connection
            .query_drop(format!("CREATE DATABASE {name}"))
            .await?;
        connection.disconnect().await?;
        Ok(format!("mysql://root@{}/{name}", self.address))
    }
}
