//! Another service, to be measured beside this one: one that runs already, or one that is started here.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;

use anyhow::{Context as _, bail};

use super::{BUCKET, Objects, Process, bare, credentials, free_address};
use crate::resources;
use crate::settings::TargetSettings;

pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pid: Option<u32>,
    /// Ended with it, if it was started here.
    _process: Option<Process>,
}

impl Target {
    /// `None`: no other service is named.
    pub(crate) fn find(
        settings: &TargetSettings,
        folder: &Path,
        database_url: &str,
        objects: &Objects,
    ) -> anyhow::Result<Option<Self>> {
        if let Some(url) = &settings.address {
            return Self::running(url, settings.pid).map(Some);
        }
        let Some(command) = &settings.command else {
            return Ok(None);
        };
        let address = free_address()?;
        let credentials = credentials();
        let mut shell = bare("sh");
        shell
            // The shell becomes the program, so that its id is the program's.
            .args(["-c", &format!("exec {command}")])
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PORT", address.port().to_string())
            .env("DIR", folder.join("files"))
            .env("S3_ENDPOINT", objects.endpoint())
            .env("S3_BUCKET", BUCKET)
            .env("S3_KEY", credentials.access_key_id)
            .env("S3_SECRET", credentials.secret_access_key)
            .env("MYSQL_URL", database_url)
            .stdout(std::process::Stdio::null());
        let mut process = Process::start("target", &mut shell, folder)?;
        process.listens_at(address)?;
        Ok(Some(Self {
            address,
            pid: Some(process.pid()),
            _process: Some(process),
        }))
    }

    fn running(url: &str, pid: Option<u32>) -> anyhow::Result<Self> {
        let url = url::Url::parse(url).context("TARGET is no URL")?;
        let (Some(host), "http") = (url.host_str(), url.scheme()) else {
            bail!("TARGET is not http://HOST:PORT");
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let address = (host, port)
            .to_socket_addrs()?
            .next()
            .context("TARGET has no address")?;
        Ok(Self {
            address,
            pid,
            _process: None,
        })
    }

    /// Its process and those that this one has begun. None, when nobody said which it is.
    pub(crate) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let Some(pid) = self.pid else {
            return Ok(Vec::new());
        };
        let mut pids = resources::children(pid)?;
        pids.push(pid);
        Ok(pids)
    }
}
