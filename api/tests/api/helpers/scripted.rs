//! An HTTP server whose answers a test writes: stands for S3 or a proxy where these have to say what the real
//! ones here cannot.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    /// In lower case, the request line included.
    pub(crate) head: String,
    pub(crate) bytes: Vec<u8>,
}

impl Received {
    /// Whether it carries credentials of AWS.
    pub(crate) fn is_signed(&self) -> bool {
        self.head.contains("authorization: aws4-hmac-sha256")
    }
}

/// What becomes of a request.
pub(crate) enum Reaction {
    /// This answer, status line and all.
    Answer(Vec<u8>),
    /// The connection is closed without one, unread input and all: the client sees a reset.
    Cut,
    /// What the server at this address answers.
    PassTo(SocketAddr),
}

/// The server. It stops when it is dropped.
pub(crate) struct Scripted {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn start(
        script: impl Fn(&Received) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (script, kept) = (Arc::new(script), Arc::clone(&received));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, kept) = (Arc::clone(&script), Arc::clone(&kept));
                tokio::spawn(async move {
                    // A client that goes away is no concern of the script's.
                    let _ = react(stream, script.as_ref(), &kept).await;
                });
            }
        });
        Self {
            address,
            received,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has been received, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with these headers, each ending in a line break, and this body.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Reaction {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    Reaction::Answer([head.as_bytes(), body].concat())
}

async fn react(
    mut stream: TcpStream,
    script: &(impl Fn(&Received) -> Reaction + Sync),
    kept: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let lower = head.to_lowercase();
    if lower.contains("expect: 100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut request = Received {
        method: method.to_owned(),
        target: target.to_owned(),
        head: lower,
        bytes: Vec::new(),
    };
    if let Reaction::Cut = script(&request) {
        kept.lock().unwrap().push(request);
        return Ok(());
    }
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            break;
        }
    }
    request.bytes = bytes;
    let reaction = script(&request);
    kept.lock().unwrap().push(request.clone());
    match reaction {
        Reaction::Cut => {}
        Reaction::Answer(answer) => stream.write_all(&answer).await?,
        Reaction::PassTo(server) => {
            let mut server = TcpStream::connect(server).await?;
            let line_end = head.find("\r\n").unwrap() + 2;
            let (line, rest) = request.bytes.split_at(line_end);
            let closing = b"Connection: close\r\n".as_slice();
            server.write_all(&[line, closing, rest].concat()).await?;
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).await?;
            stream.write_all(&answer).await?;
        }
    }
    stream.shutdown().await
}
