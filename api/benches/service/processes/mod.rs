//! The processes that are measured or that these stand on. Each is a child of this one, is ended by its id when it is
//! dropped, and so also when the benchmark fails or is interrupted.

mod mariadb;
mod nginx;
mod objects;
mod service;
mod target;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) use mariadb::Mariadb;
pub(crate) use nginx::{ACCEL_PREFIX, Nginx};
pub(crate) use objects::{BUCKET, MODE as OBJECTS_MODE, Objects, credentials, serve_objects};
pub(crate) use service::{Behind, Service};
pub(crate) use target::Target;

/// How long a process may take until it is ready, on a busy machine.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long a process may take to end when it is told to. Then it is killed.
const ENDED_WITHIN: Duration = Duration::from_secs(15);

/// A child.
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a command. What it says of itself goes to a file in `folder`.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        let log = File::create(folder.join(format!("{name}.log")))?;
        let child = command.stderr(log).spawn();
        let child = child
            .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line that it prints. Its standard output has to be piped.
    pub(crate) fn first_line(&mut self) -> anyhow::Result<String> {
        let output = self.child.stdout.take().context("its output is not read")?;
        let (sender, line) = mpsc::channel();
        // Ends with the process, whose output ends then.
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output);
            let mut line = String::new();
            let _ = lines.read_line(&mut line).map(|_| sender.send(line));
            // Goes on reading, so that the process never waits.
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        let line = line.recv_timeout(READY_WITHIN).unwrap_or_default();
        if line.is_empty() {
            bail!(
                "{} ended, or did not say that it is ready; see its log",
                self.name
            );
        }
        Ok(line)
    }

    /// Its standard input and output, for whoever speaks with it. Both have to be piped.
    pub(crate) fn talk(&mut self) -> anyhow::Result<(ChildStdin, ChildStdout)> {
        let input = self
            .child
            .stdin
            .take()
            .context("its input is not written")?;
        let output = self.child.stdout.take().context("its output is not read")?;
        Ok((input, output))
    }

    /// Waits until it takes connections there.
    pub(crate) fn listens_at(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended ({status}) before it listened at {address}",
                    self.name
                );
            }
            if Instant::now() > deadline {
                bail!("{} does not listen at {address}", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Some(pid), Ok(None)) = (pid, self.child.try_wait()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + ENDED_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The environment of a child: nothing but where programs lie.
pub(crate) fn bare(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// An address of this host on which nobody listens.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?)
}
