//! A CA of the tests, and a server's certificate that it has signed.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The name that the server's certificate is for.
pub(super) const NAME: &str = "localhost";

const KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

pub(super) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Made anew, so that no other CA knows the server.
    pub(super) fn make() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        // The server may run as another user.
        let listable = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new()
            .permissions(listable)
            .tempdir()
            .unwrap();
        let made = Self { folder };
        let extensions = format!("subjectAltName=DNS:{NAME}\nextendedKeyUsage=serverAuth\n");
        std::fs::write(made.path("extensions"), extensions).unwrap();
        let ca = [
            "req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
        ];
        // Two CAs of one name would be taken for each other, until it comes to the signature.
        let name = format!("/CN=CA {}", uuid::Uuid::now_v7());
        made.openssl(&[&ca[..], &KEY, &["-subj", &name]].concat());
        let request = ["req", "-keyout", "server.key", "-out", "server.csr"];
        made.openssl(&[&request[..], &KEY, &["-subj", "/CN=server"]].concat());
        made.openssl(&[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "extensions",
            "-out",
            "server.pem",
        ]);
        let readable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(made.path("server.key"), readable).unwrap();
        made
    }

    /// The CA's certificate.
    pub(super) fn ca(&self) -> String {
        std::fs::read_to_string(self.path("ca.pem")).unwrap()
    }

    /// What makes MariaDB show the server's certificate. It reads the files when it starts.
    pub(super) fn settings(&self) -> Vec<String> {
        let setting = |name: &str, file: &str| format!("--{name}={}", self.path(file).display());
        vec![
            setting("ssl-ca", "ca.pem"),
            setting("ssl-cert", "server.pem"),
            setting("ssl-key", "server.key"),
        ]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let folder: &Path = self.folder.path();
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {said}");
    }
}
