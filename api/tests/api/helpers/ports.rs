//! Ports that stay free while nobody listens on them.
//!
//! A port that the system picks may be picked again for any connection once its listener is closed. Tests that
//! close and open the same port take theirs from below that range, and no two tests take the same.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// Listens on a free port that the system does not give out by itself.
pub(crate) fn listen() -> TcpListener {
    loop {
        let port = rand::random_range(15_000..32_000);
        if !TAKEN.lock().unwrap().insert(port) {
            continue;
        }
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    }
}

/// The address of such a port, closed again.
pub(crate) fn reserve() -> SocketAddr {
    listen().local_addr().unwrap()
}

/// Listens on an address that was listened on a moment ago. A process that another test starts in that moment holds
/// the old listener too, until it has become another program.
pub(crate) async fn listen_again(address: SocketAddr) -> tokio::net::TcpListener {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match tokio::net::TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => assert!(Instant::now() < deadline, "{address}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
