//! A door between the service and a server: closed, it refuses connections and cuts those that are open.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Gate {
    address: SocketAddr,
    target: SocketAddr,
    /// Dropped to close: every connection ends with it.
    open: Option<Arc<watch::Sender<()>>>,
}

impl Gate {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut gate = Self {
            address,
            target,
            open: None,
        };
        gate.serve(listener);
        gate
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.closed_by_drop().await;
        }
    }

    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let (sender, mut closed) = watch::channel(());
        let target = self.target;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = closed.changed() => return,
                    Ok((client, _)) = listener.accept() => {
                        tokio::spawn(pass(client, target, closed.clone()));
                    }
                }
            }
        });
        self.open = Some(Arc::new(sender));
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, mut closed: watch::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = closed.changed() => {}
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
    }
}

trait ClosedByDrop {
    async fn closed_by_drop(self);
}

impl ClosedByDrop for Arc<watch::Sender<()>> {
    /// Waits until the acceptor and every connection have ended.
    async fn closed_by_drop(self) {
        self.send_replace(());
        self.closed().await;
    }
}
