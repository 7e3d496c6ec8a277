//! A door between the service and a server. Closed, it refuses connections and cuts those that are open.
//! Held, it lets connections in and keeps what they send to itself until it is let go. It remembers what went
//! through.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::ports;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Held,
    Closed,
}

pub(crate) struct Gate {
    address: SocketAddr,
    target: SocketAddr,
    state: watch::Sender<State>,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Gate {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let address = ports::reserve();
        let (state, _) = watch::channel(State::Closed);
        let mut gate = Self {
            address,
            target,
            state,
            sent: Arc::default(),
        };
        gate.open().await;
        gate
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients have sent to the server, all connections one after the other.
    pub(crate) fn sent(&self) -> String {
        String::from_utf8_lossy(&self.sent.lock().unwrap()).into_owned()
    }

    pub(crate) async fn open(&mut self) {
        let listener = ports::listen_again(self.address).await;
        self.state.send_replace(State::Open);
        let (target, mut state, sent) =
            (self.target, self.state.subscribe(), Arc::clone(&self.sent));
        tokio::spawn(async move {
            let connections = state.clone();
            loop {
                tokio::select! {
                    _ = state.wait_for(|state| *state == State::Closed) => {
                        // Before the receiver, for which `close` waits: the port is free then.
                        drop(listener);
                        return;
                    }
                    Ok((client, _)) = listener.accept() => {
                        tokio::spawn(pass(connections.clone(), client, target, Arc::clone(&sent)));
                    }
                }
            }
        });
    }

    /// Returns when every connection is cut and the port is free.
    pub(crate) async fn close(&mut self) {
        self.state.send_replace(State::Closed);
        self.state.closed().await;
    }

    pub(crate) fn hold(&self) {
        self.state.send_replace(State::Held);
    }

    pub(crate) fn let_go(&self) {
        self.state.send_replace(State::Open);
    }
}

/// `state` comes first, so that it is dropped last: `close` waits for it, and the connection is cut by then.
async fn pass(
    mut state: watch::Receiver<State>,
    mut client: TcpStream,
    target: SocketAddr,
    sent: Arc<Mutex<Vec<u8>>>,
) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut open = state.clone();
    let forth = async {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            sent.lock().unwrap().extend_from_slice(&buffer[..read]);
            if open.wait_for(|state| *state == State::Open).await.is_err() {
                return;
            }
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
        let _ = to_server.shutdown().await;
    };
    let back = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        _ = state.wait_for(|state| *state == State::Closed) => {}
        _ = back => {}
        // A client that goes away does not take back what it has sent: the rest of it still arrives.
        () = forth => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_is_closed_can_be_opened_at_once() {
    let mut gate = Gate::to(ports::reserve()).await;
    for _ in 0..2000 {
        gate.close().await;
        gate.open().await;
    }
}
