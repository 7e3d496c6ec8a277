//! nginx with the sites of `deploy/nginx` before a service, and beside them a plain one that serves the same files by
//! itself. One nginx for both: the same workers, the same version, `sendfile` in both.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{Process, Service, bare, free_address};
use crate::resources;

/// The address below which nginx sends local copies, as in the package.
pub(crate) const ACCEL_PREFIX: &str = "/_uploads/";

pub(crate) struct Nginx {
    process: Process,
    /// Before the service.
    pub(crate) before: SocketAddr,
    /// By itself.
    pub(crate) plain: SocketAddr,
}

impl Nginx {
    /// Starts it before a service that was started with [`ACCEL_PREFIX`].
    pub(crate) fn start(program: &Path, service: &Service, folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("nginx");
        let snippets = folder.join("image-handler");
        let (before, plain) = (free_address()?, free_address()?);
        for name in ["image-handler", "log", "tmp"] {
            std::fs::create_dir_all(folder.join(name))?;
        }
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/nginx");
        for snippet in std::fs::read_dir(sources.join("snippets"))? {
            let snippet = snippet?;
            let text = std::fs::read_to_string(snippet.path())?;
            std::fs::write(snippets.join(snippet.file_name()), text)?;
        }
        for (place, file) in [("server", "settings.conf"), ("http", "upstream.conf")] {
            std::fs::write(snippets.join(file), settings(program, service, place)?)?;
        }
        let site = std::fs::read_to_string(sources.join("sites/image-handler"))?;
        std::fs::write(folder.join("site.conf"), moved(&site, &folder, before))?;
        let conf = folder.join("nginx.conf");
        std::fs::write(&conf, configuration(&folder, &service.uploads(), plain))?;
        let mut command = bare("nginx");
        command
            .arg("-c")
            .arg(&conf)
            .arg("-e")
            .arg(folder.join("log/start.log"));
        let mut process = Process::start("nginx", &mut command, &folder)?;
        process.listens_at(before)?;
        process.listens_at(plain)?;
        Ok(Self {
            process,
            before,
            plain,
        })
    }

    /// Its master and its workers.
    pub(crate) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let master = self.process.pid();
        let mut pids = resources::children(master)?;
        pids.push(master);
        Ok(pids)
    }
}

/// What `image-handler nginx-settings` prints for a service.
fn settings(program: &Path, service: &Service, place: &str) -> anyhow::Result<Vec<u8>> {
    let mut command: Command = bare(program);
    command
        .args(["nginx-settings", place])
        .env("LISTEN", service.address.to_string())
        .env("UPLOADS_DIR", service.uploads())
        .env("ACCEL_PREFIX", ACCEL_PREFIX)
        .env("UPLOAD_RATE", "off")
        .env("READ_RATE", "off");
    let printed = command.output().context("nginx-settings cannot be run")?;
    let complaint = String::from_utf8_lossy(&printed.stderr);
    ensure!(
        printed.status.success(),
        "nginx-settings failed: {complaint}"
    );
    Ok(printed.stdout)
}

/// A site on another port, and in a folder of its own.
fn moved(site: &str, folder: &Path, address: SocketAddr) -> String {
    let logs = format!("{}/log/", folder.display());
    let kept: Vec<String> = site
        .lines()
        // Whether a host has IPv6 does not matter here.
        .filter(|line| !line.trim_start().starts_with("listen [::]"))
        .map(|line| line.replace("/var/log/nginx/", &logs))
        .map(|line| line.replace("listen 80 ", &format!("listen {address} ")))
        .collect();
    kept.join("\n")
}

/// As Debian's nginx.conf, where it matters.
fn configuration(folder: &Path, uploads: &Path, plain: SocketAddr) -> String {
    let user = if rustix::process::getuid().is_root() {
        // Another user may not enter these folders.
        "user root;\n"
    } else {
        ""
    };
    let originals: PathBuf = uploads.join("originals");
    let (folder, originals) = (folder.display(), originals.display());
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"] {
        let _ = writeln!(temporary, "    {kind}_temp_path {folder}/tmp/{kind};");
    }
    format!(
        "{user}daemon off;\nworker_processes auto;\npid {folder}/pid;\nerror_log {folder}/log/error.log;\n\
         events {{ worker_connections 768; }}\n\
         http {{\n    include /etc/nginx/mime.types;\n    default_type application/octet-stream;\n    sendfile on;\n    \
         tcp_nopush on;\n{temporary}    include {folder}/site.conf;\n    \
         server {{\n        listen {plain};\n        access_log {folder}/log/plain.access.log;\n        \
         root \"{originals}\";\n    }}\n}}\n"
    )
}
