//! What the product does with images, as use cases: ingest, publish, replay, read, remove, reconcile.
//!
//! May import `db`, `storage`, `inspect`, `render`, `domain` and `metrics`. Knows nothing of HTTP.
//!
//! Every use case runs on the process's own runtime, apart from the request that asked for it: a client
//! that goes away in the middle leaves nothing half-done.

mod foreground;
mod health;
mod ingest;
mod publish;
mod read;
mod recent;
pub mod reconcile;
mod remove;
mod replay;
mod take_back;
mod variants;

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

pub use health::{PartState, Readiness};
pub use ingest::{IngestError, Ingested, Upload};
pub use read::{Content, FindError, Found, ListPage};
pub use remove::{PurgeError, RemoveError};
pub use variants::{VariantContent, VariantError, VariantRules};

use crate::db::{Db, MigrationError};
use crate::domain::{Access, Image, ImageId, Secret};
use crate::inspect::{ImageLimits, Metadata};
use crate::metrics::Metrics;
use crate::storage::{Journal, LocalStore, ObjectStore, Space};

/// How many KiB are on their way to S3 at once, each object in memory with the buffers of its request: about ten
/// images of 1 MB, or forty of 235 kB. More are left to the replayer.
const STORING_KIB: u32 = 12 * 1024;
/// What a request to S3 takes beside the object.
const KIB_BESIDE_OBJECT: u64 = 64;

/// How long the use cases wait for the parts outside the process.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long an upload's answer waits for S3. The request to S3 goes on. Later uploads do not wait at all,
    /// until S3 has answered within this time.
    pub upload_object: Duration,
    /// How long an upload waits for the database before it is answered as pending. With the above it
    /// keeps the answer within two seconds when both hang.
    pub upload_record: Duration,
    /// How long a read or a list waits for the database.
    pub read: Duration,
    /// How long the replayer waits for S3: longer, as nobody waits for the replayer.
    pub replay_object: Duration,
    /// How long the replayer waits for the database.
    pub replay_record: Duration,
    /// The longest pause between two rounds of the replayer while something is away.
    pub replay_pause: Duration,
    /// How long after a removal a request to S3 that was given up may still take effect there.
    pub late_object: Duration,
    /// How often tombstones of other hosts are looked for.
    pub tombstones: Duration,
    /// How long a variant waits for its original to come from S3.
    pub fetch_original: Duration,
    /// How long the twin of a running upload (same idempotency key) waits for it.
    pub twin: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            upload_object: Duration::from_secs(1),
            upload_record: Duration::from_millis(800),
            read: Duration::from_secs(2),
            replay_object: Duration::from_secs(30),
            replay_record: Duration::from_secs(5),
            replay_pause: Duration::from_secs(10),
            late_object: Duration::from_mins(2),
            tombstones: Duration::from_secs(30),
            fetch_original: Duration::from_secs(5),
            twin: Duration::from_secs(5),
        }
    }
}

/// The parts that the use cases work with.
pub struct Parts {
    /// The uploads folder.
    pub local: LocalStore,
    /// The room that it has.
    pub space: Space,
    /// The journal in it.
    pub journal: Arc<Journal>,
    /// The bucket.
    pub objects: ObjectStore,
    /// The records.
    pub db: Db,
    /// What delete tokens are made with.
    pub secret: Secret,
    /// Who may do what.
    pub access: Access,
    /// Limits that an image must keep.
    pub image_limits: ImageLimits,
    /// What becomes of metadata.
    pub metadata: Metadata,
    /// How variants are made and kept.
    pub variants: VariantRules,
    /// How long to wait for what.
    pub patience: Patience,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The use cases. Built once, shared by all requests.
pub struct Images {
    parts: Parts,
    running_keys: ingest::RunningKeys,
    recent: recent::Recent,
    /// What the replayer gives way to.
    foreground: foreground::Foreground,
    /// Objects that are on their way to S3 at this moment, in KiB.
    storing: Arc<Semaphore>,
    /// Images whose trouble has been logged: it is said once, not in every round of the replayer.
    reported: Mutex<HashSet<ImageId>>,
    /// What making and keeping variants needs.
    variants: variants::Variants,
    /// How many use cases run at this moment, those included that nobody waits for any more.
    running: watch::Sender<usize>,
    runtime: Handle,
}

/// A use case that runs. It has ended when this is dropped.
struct Run(Arc<Images>);

impl Run {
    fn of(images: &Arc<Images>) -> Self {
        images.running.send_modify(|running| *running += 1);
        Self(Arc::clone(images))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.running.send_modify(|running| *running -= 1);
    }
}

impl Images {
    /// Puts the parts together. Work runs on the runtime that this is called on.
    #[must_use]
    pub fn new(mut parts: Parts) -> Arc<Self> {
        parts
            .objects
            .expect_answers_within(parts.patience.upload_object);
        Arc::new(Self {
            variants: variants::Variants::new(parts.local.clone(), parts.variants),
            parts,
            running_keys: ingest::RunningKeys::default(),
            recent: recent::Recent::default(),
            foreground: foreground::Foreground::default(),
            storing: Arc::new(Semaphore::new(STORING_KIB as usize)),
            reported: Mutex::default(),
            running: watch::Sender::default(),
            runtime: Handle::current(),
        })
    }

    /// The server's secret, for the tokens in answers.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.parts.secret
    }

    /// Whether the disk has room for uploads.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.parts.space.is_low()
    }

    /// Who may do what.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.parts.access
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.parts.metrics
    }

    /// Waits until no use case runs, at most for `patience`: the rest is in the journal. Publications go on
    /// when their uploads have been answered, and what they still get done need not be done again.
    pub async fn finish(&self, patience: Duration) {
        let mut running = self.running.subscribe();
        let ended = running.wait_for(|running| *running == 0);
        let _ = tokio::time::timeout(patience, ended).await;
    }

    /// How much of [`STORING_KIB`] an object takes. The largest takes all.
    fn kib_to_store(image: &Image) -> u32 {
        let kib = image.size_bytes / 1024 + KIB_BESIDE_OBJECT;
        u32::try_from(kib).map_or(STORING_KIB, |kib| kib.min(STORING_KIB))
    }

    /// Logs a trouble that only an operator can mend, once for each image.
    fn report_once(&self, id: ImageId, trouble: &str) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.insert(id) {
            log::error!("image {id}: {trouble}");
        }
    }

    /// Has `work` run on the process's runtime, for nobody who waits. A stop waits for it.
    fn spawn_counted<F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (run, work) = (Run::of(self), work(Arc::clone(self)));
        self.runtime.spawn(async move {
            let _run = run;
            work.await;
        });
    }

    /// Runs `work` to its end on the process's runtime, whatever becomes of who waits for it.
    async fn detached<T, F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (run, work) = (Run::of(self), work(Arc::clone(self)));
        let task = self.runtime.spawn(async move {
            let _run = run;
            work.await
        });
        match task.await {
            Ok(value) => value,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and whoever waits here with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Images {
    /// Brings the tables up to date, for a service that started while the database was away.
    ///
    /// # Errors
    /// [`MigrationError`].
    pub async fn migrate(&self) -> Result<usize, MigrationError> {
        let migrated = self.parts.db.migrate().await;
        if matches!(migrated, Err(MigrationError::Away(_))) {
            self.parts.db.availability().failed();
        }
        migrated
    }
}
