//! A proxy before an S3 endpoint that knows HTTP well enough to break it: every way in which S3 can be away
//! is one of its faults. It remembers who asked for what.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::ports;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody listens.
    Refused,
    /// Connections are taken and requests read, but never answered.
    Blackholed,
    /// Every answer is `503 SlowDown`.
    SlowDown,
    /// Every answer is `403 AccessDenied`.
    AccessDenied,
    /// The same for requests that concern versions, and nothing else.
    VersionsDenied,
    /// The connection is reset in the middle of the request.
    Reset,
    /// The request is passed on after this time.
    Slow(Duration),
    /// The request is carried out, but its answer never arrives.
    ReplyLost,
    /// Answers to PUT tell of another checksum than the object has.
    WrongChecksumInPut,
    /// All answers do.
    WrongChecksum,
}

pub(crate) struct FaultProxy {
    address: SocketAddr,
    target: SocketAddr,
    fault: watch::Sender<Option<Fault>>,
    requests: Arc<Mutex<Vec<String>>>,
    listening: Option<JoinHandle<()>>,
}

impl FaultProxy {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let mut proxy = Self {
            address: ports::reserve(),
            target,
            fault: watch::Sender::new(None),
            requests: Arc::default(),
            listening: None,
        };
        proxy.listen().await;
        proxy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first lines of the requests since the last [`Self::forget_requests`]: method and target.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn forget_requests(&self) {
        self.requests.lock().unwrap().clear();
    }

    /// From now on this goes wrong. Requests that are under way stay as they are, unless nobody listens any more.
    pub(crate) async fn fail(&mut self, fault: Fault) {
        self.fault.send_replace(Some(fault));
        if fault == Fault::Refused
            && let Some(listening) = self.listening.take()
        {
            listening.abort();
            let _ = listening.await;
        }
    }

    /// All goes well again. What was kept waiting is passed on, or cut off where it was never to be answered.
    pub(crate) async fn heal(&mut self) {
        self.fault.send_replace(None);
        if self.listening.is_none() {
            self.listen().await;
        }
    }

    async fn listen(&mut self) {
        let listener = ports::listen_again(self.address).await;
        let (target, fault) = (self.target, self.fault.subscribe());
        let requests = Arc::clone(&self.requests);
        self.listening = Some(tokio::spawn(async move {
            // Dropped, and every connection with it, when this task is aborted.
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((client, _)) = listener.accept() => {
                        connections.spawn(pass(client, target, fault.clone(), Arc::clone(&requests)));
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        }));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
        }
    }
}

/// Passes one request on. Each has a connection of its own, which ends with the answer.
async fn pass(
    mut client: TcpStream,
    target: SocketAddr,
    mut fault: watch::Receiver<Option<Fault>>,
    requests: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let Some((head, mut body)) = read_head(&mut client).await? else {
        return Ok(());
    };
    let line = head.lines().next().unwrap_or_default();
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    requests.lock().unwrap().push(line.clone());
    let now = *fault.borrow_and_update();
    if now == Some(Fault::Reset) {
        return client.set_zero_linger();
    }
    let length = content_length(&head);
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(());
        }
    }
    match now {
        Some(Fault::Blackholed) => {
            let _ = fault.changed().await;
            return Ok(());
        }
        Some(Fault::SlowDown) => return refuse(client, "503 Slow Down", "SlowDown").await,
        Some(Fault::AccessDenied) => return refuse(client, "403 Forbidden", "AccessDenied").await,
        Some(Fault::VersionsDenied) if line.contains("versions") || line.contains("versionId") => {
            return refuse(client, "403 Forbidden", "AccessDenied").await;
        }
        Some(Fault::Slow(delay)) => {
            let _ = tokio::time::timeout(delay, fault.changed()).await;
        }
        _ => {}
    }
    let mut server = TcpStream::connect(target).await?;
    // The signature does not cover this header.
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await?;
    server.write_all(&body).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    match now {
        Some(Fault::ReplyLost) => return Ok(()),
        Some(Fault::WrongChecksum) => answer = with_wrong_checksum(answer),
        Some(Fault::WrongChecksumInPut) if line.starts_with("PUT ") => {
            answer = with_wrong_checksum(answer);
        }
        _ => {}
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// The head of a request, and what was read beyond it. `None`: the client has closed without one.
async fn read_head(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&read).into_owned(), body)));
        }
        if client.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    }
}

fn content_length(head: &str) -> usize {
    header(head, "content-length").map_or(0, |value| value.parse().unwrap())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

async fn refuse(mut client: TcpStream, status: &str, code: &str) -> std::io::Result<()> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>no</Message></Error>"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}

/// The answer with the checksum of nothing where it has one.
fn with_wrong_checksum(answer: Vec<u8>) -> Vec<u8> {
    const OF_NOTHING: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.unwrap());
    let head = String::from_utf8(head.to_vec()).unwrap();
    match header(&head, "x-amz-checksum-sha256") {
        None => answer,
        Some(checksum) => [head.replace(checksum, OF_NOTHING).as_bytes(), body].concat(),
    }
}
