//! A MariaDB server for the whole run, on a free port and a folder of its own.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;

use super::ports;

/// Waits for its standard input to end, which it does when the tests' process ends in whatever way, and then
/// takes server and folder away.
const SUPERVISOR: &str = r#"
set -eu
port=$1
shift
folder=$(mktemp -d)
as=
if [ "$(id -u)" = 0 ]; then as=--user=mysql; chmod 755 "$folder"; fi
PATH=$PATH:/usr/sbin
# A server that starts removes the temporary tables that it finds, those of others among them.
mkdir -m 1777 "$folder/tmp"
export TMPDIR="$folder/tmp"
command -v mariadbd >/dev/null || { echo "mariadbd is missing: run make setup" >&2; exit 1; }
mariadb-install-db --no-defaults $as --datadir="$folder/data" \
    --auth-root-authentication-method=normal --skip-test-db >"$folder/install.log" 2>&1 ||
    { cat "$folder/install.log" >&2; exit 1; }
mariadbd --no-defaults $as --datadir="$folder/data" --bind-address=127.0.0.1 --port="$port" \
    --socket="$folder/data/socket" --pid-file="$folder/data/pid" --skip-log-bin --max-connections=500 \
    --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=0 "$@" >"$folder/server.log" 2>&1 </dev/null &
server=$!
echo "$folder"
read -r _ || true
kill "$server"
wait "$server" || true
rm -rf "$folder"
"#;

/// A server. It ends, and its folder with it, when this is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// Held open as long as the server is to run.
    _supervisor: ChildStdin,
}

/// A server of its own, for a test that changes what all databases of a server share.
pub(crate) async fn another() -> Server {
    another_with(Vec::new()).await
}

/// The same with these settings.
pub(crate) async fn another_with(settings: Vec<String>) -> Server {
    tokio::task::spawn_blocking(move || start(&settings))
        .await
        .unwrap()
}

#[expect(
    clippy::zombie_processes,
    reason = "the supervisor outlives the tests by the moment that it cleans up"
)]
pub(crate) fn start(settings: &[String]) -> Server {
    let port = ports::reserve().port();
    let mut child = Command::new("sh")
        .args(["-c", SUPERVISOR, "mariadb", &port.to_string()])
        .args(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let supervisor = child.stdin.take().unwrap();
    let mut folder = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut folder)
        .unwrap();
    assert!(
        !folder.is_empty(),
        "MariaDB did not start; its messages are above"
    );
    let deadline = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            Instant::now() < deadline,
            "MariaDB does not answer; see {folder}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Server {
        port,
        _supervisor: supervisor,
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start(&[]))
}

/// The server's port.
pub(crate) async fn port() -> u16 {
    tokio::task::spawn_blocking(|| server().port).await.unwrap()
}

/// Makes a new, empty database and gives its name.
pub(crate) async fn new_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = administrator(port().await).await;
    connection
        .query_drop(format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    connection.disconnect().await.unwrap();
    name
}

/// A connection that may do everything.
pub(crate) async fn administrator(port: u16) -> mysql_async::Conn {
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .prefer_socket(false)
        .user(Some("root"));
    mysql_async::Conn::new(options).await.unwrap()
}
