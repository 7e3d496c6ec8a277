//! Ports that stay free while nobody listens on them.
//!
//! A port that the system picks may be picked again for any connection once its listener is closed. Tests that
//! close and open the same port take theirs from below that range, and no two tests take the same.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::{LazyLock, Mutex};

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
