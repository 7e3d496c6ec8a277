//! Clients that upload and delete without a pause, and write down in the ledger what they did.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::task::JoinSet;

use super::content;
use super::ledger::{Acknowledged, Ledger, Outcome};
use crate::helpers::app::form;

/// How many requests are under way at any time while the service answers.
pub(crate) const CLIENTS: usize = 6;
/// The pause after a connection that was refused: the service is being started again.
const REFUSED_PAUSE: Duration = Duration::from_millis(5);
/// A request that takes this long will not be answered any more.
const PATIENCE: Duration = Duration::from_mins(1);

/// An upload as it is sent, and sent again.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) key: String,
    /// Whether the service is told of the key. The ledger always has it.
    pub(crate) sends_key: bool,
    pub(crate) uploader: String,
    pub(crate) bytes: Vec<u8>,
}

impl Upload {
    pub(crate) fn generate(random: &mut StdRng) -> Self {
        Self {
            key: idempotency_key(random),
            sends_key: true,
            uploader: format!("Zoë {}", random.random_range(0..20)),
            bytes: content::generate(random),
        }
    }
}

/// An acknowledged image, and what deletes it.
#[derive(Clone)]
pub(crate) struct Deletable {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Talks to the service, or to several hosts of it in turn, and keeps the ledger.
#[derive(Clone)]
pub(crate) struct LedgerClient {
    http: Client,
    bases: Arc<[String]>,
    turn: Arc<AtomicUsize>,
    ledger: Arc<Ledger>,
    in_flight: Arc<AtomicUsize>,
    acknowledged: Arc<AtomicUsize>,
}

/// What came back.
enum Reply {
    Answer(u16, Value),
    /// Nobody listened: the request was not sent.
    Refused,
    Cut,
}

impl LedgerClient {
    pub(crate) fn new(base: String, ledger: Arc<Ledger>) -> Self {
        Self::of_hosts(&[base], ledger)
    }

    /// Each request goes to the next of the hosts, whatever it is about.
    pub(crate) fn of_hosts(bases: &[String], ledger: Arc<Ledger>) -> Self {
        // A connection for each request: what is cut was sent, and nothing is sent twice.
        let http = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self {
            http,
            bases: bases.into(),
            turn: Arc::default(),
            ledger,
            in_flight: Arc::default(),
            acknowledged: Arc::default(),
        }
    }

    /// Uploads, for the first time or again, waiting `patience` for the answer.
    pub(crate) async fn upload_within(
        &self,
        upload: &Upload,
        patience: Duration,
    ) -> (Outcome, Option<Deletable>) {
        let Upload {
            key,
            uploader,
            bytes,
            sends_key,
        } = upload;
        let number = self.ledger.upload(key, uploader, bytes);
        let mut request = self
            .http
            .post(format!("{}/api/v1/images", self.base()))
            .multipart(form(uploader, bytes.clone()));
        if *sends_key {
            request = request.header("Idempotency-Key", key);
        }
        let (outcome, status, answer) = match self.send(request, patience).await {
            Reply::Answer(status @ (201 | 202), answer) => {
                (Outcome::Ok, Some(status), Some(answer))
            }
            Reply::Answer(status, _) => (Outcome::Fail, Some(status), None),
            Reply::Refused => (Outcome::Fail, None, None),
            Reply::Cut => (Outcome::Unknown, None, None),
        };
        let text = |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
        let image = answer.as_ref().map(|answer| Acknowledged {
            id: text(answer, "id"),
            sha256: text(answer, "sha256"),
            link: text(answer, "link"),
            url: text(answer, "url"),
        });
        self.ledger.result(number, outcome, status, image);
        let deletable = answer.map(|answer| Deletable {
            id: text(&answer, "id"),
            token: text(&answer, "delete_token"),
        });
        (outcome, deletable)
    }

    pub(crate) async fn upload(&self, upload: &Upload) -> (Outcome, Option<Deletable>) {
        self.upload_within(upload, PATIENCE).await
    }

    pub(crate) async fn delete(&self, image: &Deletable, key: &str) -> Outcome {
        let number = self.ledger.delete(key, &image.id);
        let request = self
            .http
            .delete(format!("{}/api/v1/images/{}", self.base(), image.id))
            .header("Idempotency-Key", key)
            .bearer_auth(&image.token);
        let (outcome, status) = match self.send(request, PATIENCE).await {
            // An image that is said to be deleted has to be, whoever did it.
            Reply::Answer(status @ (204 | 410), _) => (Outcome::Ok, Some(status)),
            Reply::Answer(status, _) => (Outcome::Fail, Some(status)),
            Reply::Refused => (Outcome::Fail, None),
            Reply::Cut => (Outcome::Unknown, None),
        };
        self.ledger.result(number, outcome, status, None);
        outcome
    }

    /// Asks for a variant. Nothing is promised about it but that it goes with its image.
    pub(crate) async fn look_at(&self, image: &Deletable) {
        let address = format!("{}/i/{}/thumb", self.base(), image.id);
        let _ = tokio::time::timeout(PATIENCE, self.http.get(address).send()).await;
    }

    fn base(&self) -> &str {
        &self.bases[self.turn.fetch_add(1, Ordering::Relaxed) % self.bases.len()]
    }

    async fn send(&self, request: RequestBuilder, patience: Duration) -> Reply {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let exchange = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let bytes = answer.bytes().await?;
            Ok::<_, reqwest::Error>((status, serde_json::from_slice(&bytes).unwrap_or_default()))
        };
        let reply = match tokio::time::timeout(patience, exchange).await {
            Ok(Ok((status, answer))) => Reply::Answer(status, answer),
            Ok(Err(error)) if error.is_connect() => Reply::Refused,
            Ok(Err(_)) | Err(_) => Reply::Cut,
        };
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        match reply {
            Reply::Answer(200..300, _) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Reply::Refused => tokio::time::sleep(REFUSED_PAUSE).await,
            Reply::Answer(..) | Reply::Cut => {}
        }
        reply
    }
}

/// What the clients of a load share.
#[derive(Default)]
struct Shared {
    deletable: Mutex<Vec<Deletable>>,
    uploads_without_answer: Mutex<Vec<Upload>>,
    deletes_without_answer: Mutex<Vec<Deletable>>,
}

/// Clients at work.
pub(crate) struct Load {
    clients: JoinSet<()>,
    client: LedgerClient,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Four in five requests are uploads, the others delete an earlier image. What was cut is sent again by and
    /// by.
    pub(crate) fn start(client: &LedgerClient, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared::default());
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let random = StdRng::seed_from_u64(seed ^ ((number as u64 + 1) << 48));
            let (client, shared, stop) = (client.clone(), Arc::clone(&shared), Arc::clone(&stop));
            clients.spawn(async move {
                work(&client, &shared, random, &stop).await;
            });
        }
        Self {
            clients,
            client: client.clone(),
            stop,
        }
    }

    /// How many requests are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.client.in_flight.load(Ordering::Relaxed)
    }

    /// How many requests have been acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.client.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets each client end its request. The service has to be there, or dead.
    pub(crate) async fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
    }
}

async fn work(client: &LedgerClient, shared: &Shared, mut random: StdRng, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let again = random.random_bool(0.3);
        if random.random_bool(0.8) {
            let cut = take(&shared.uploads_without_answer, &mut random, again);
            let upload = cut.unwrap_or_else(|| Upload::generate(&mut random));
            let (outcome, image) = client.upload(&upload).await;
            // Some are being looked at while they are deleted.
            if let Some(image) = image.as_ref().filter(|_| random.random_bool(0.3)) {
                let (client, image) = (client.clone(), image.clone());
                tokio::spawn(async move { client.look_at(&image).await });
            }
            shared.deletable.lock().unwrap().extend(image);
            if outcome == Outcome::Unknown {
                shared.uploads_without_answer.lock().unwrap().push(upload);
            }
        } else {
            let cut = take(&shared.deletes_without_answer, &mut random, again);
            let Some(image) = cut.or_else(|| take(&shared.deletable, &mut random, true)) else {
                tokio::task::yield_now().await;
                continue;
            };
            let key = idempotency_key(&mut random);
            match client.delete(&image, &key).await {
                Outcome::Ok => {}
                Outcome::Fail => shared.deletable.lock().unwrap().push(image),
                Outcome::Unknown => shared.deletes_without_answer.lock().unwrap().push(image),
            }
        }
    }
}

/// Takes one of `things`, if that is wanted and there are any.
fn take<T>(things: &Mutex<Vec<T>>, random: &mut StdRng, wanted: bool) -> Option<T> {
    let mut things = things.lock().unwrap();
    if !wanted || things.is_empty() {
        return None;
    }
    let at = random.random_range(0..things.len());
    Some(things.swap_remove(at))
}

pub(crate) fn idempotency_key(random: &mut StdRng) -> String {
    uuid::Builder::from_random_bytes(random.random())
        .into_uuid()
        .to_string()
}
