//! The executable as a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::root;

/// The executable with nothing of this process's environment that it would read.
pub(crate) fn command(uploads: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_image-handler"));
    command
        .env_clear()
        .env("LISTEN", "127.0.0.1:0")
        .env("UPLOADS_DIR", uploads)
        .env("WEB_DIR", root().join("web/public"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A process of the executable. It is killed, should the test end before it.
pub(crate) struct Running {
    child: Child,
    /// `http://`, host and port.
    pub(crate) address: String,
}

impl Running {
    /// Starts it and waits for nothing. It has no address.
    pub(crate) fn begin(mut command: Command) -> Self {
        let child = command.spawn().unwrap();
        Self {
            child,
            address: String::new(),
        }
    }

    /// Starts it and waits for the line that says where it listens.
    pub(crate) fn start(uploads: &Path) -> Self {
        Self::spawn(command(uploads))
    }

    pub(crate) fn spawn(command: Command) -> Self {
        Self::try_spawn(command).unwrap_or_else(|status| panic!("it did not start: {status}"))
    }

    /// The same for a process that may end before it listens: then gives how it ended.
    pub(crate) fn try_spawn(mut command: Command) -> Result<Self, ExitStatus> {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        if line.is_empty() {
            return Err(child.wait().unwrap());
        }
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        let address = address
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .trim_end_matches('/')
            .to_owned();
        Ok(Self { child, address })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) fn signal_term(&self) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// Waits until it takes no connections any more: then it has heard that it is to stop.
    pub(crate) fn has_heard(&self) {
        let address = self.address.strip_prefix("http://").unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(address).is_ok() {
            assert!(Instant::now() < deadline, "it goes on accepting");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The most memory that it ever had resident, in kB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse().unwrap()
    }

    /// Stops it as a service manager does, and gives how it ended and what it logged, unless the test
    /// has sent the log elsewhere.
    pub(crate) fn terminate(self) -> (ExitStatus, String) {
        self.signal_term();
        self.end()
    }

    /// Waits until it has ended, for what it was told before.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut log = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut log).unwrap();
        }
        (status, log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
