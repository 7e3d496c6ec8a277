//! Local copies, objects, records and the journal are made to disagree, and `reconcile` is to find and mend it.

mod bucket;
mod command;
mod copies;
mod deleted;
mod objects;
mod records;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use image_handler::db::Db;
use image_handler::domain::ImageId;
use image_handler::images::reconcile::{
    Action, Event, Finding, Kind, Options, Outcome, ReconcileError, Reconciliation, Summary,
};
use image_handler::storage::{LocalStore, ObjectStore};
use serde_json::Value;

use crate::helpers::app::{TestApp, files_below};

pub(crate) const PLAN: Options = Options {
    repair: false,
    remove_orphans: false,
    several_hosts: false,
    quick: false,
    grace: Duration::from_hours(1),
};
pub(crate) const REPAIR: Options = Options {
    repair: true,
    ..PLAN
};
const REMOVE_ORPHANS: Options = Options {
    remove_orphans: true,
    ..REPAIR
};

/// What a run told.
pub(crate) struct Ran {
    findings: Vec<Finding>,
    summary: Summary,
    result: Result<(), ReconcileError>,
}

impl Ran {
    /// What each finding is about: its kind, what is done about it and what became of it.
    pub(crate) fn told(&self) -> Vec<(Kind, Action, Outcome)> {
        let told = |finding: &Finding| (finding.kind, finding.action, finding.outcome);
        self.findings.iter().map(told).collect()
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&self) {
        assert_eq!(self.findings, []);
        self.result.as_ref().unwrap();
    }
}

/// Runs a reconciliation of the host's folder, beside the running service.
pub(crate) async fn run(app: &TestApp, options: Options) -> Ran {
    let local = LocalStore::open_beside_service(app.uploads.path()).unwrap();
    let objects = ObjectStore::connect(app.s3.config()).await.unwrap();
    let db = Db::prepare(&app.database.config()).unwrap();
    let mut findings = Vec::new();
    let tell = |event: Event<'_>| {
        if let Event::Found(finding) = event {
            findings.push(finding.clone());
        }
    };
    let reconciliation = Reconciliation::new(local, objects, db, options);
    let (summary, result) = Box::pin(reconciliation.run(tell)).await;
    Ran {
        findings,
        summary,
        result,
    }
}

/// A run that plans exactly this and changes nothing, one that does it, and one that finds nothing any more.
async fn mends(app: &TestApp, kind: Kind, action: Action) {
    let before = everything(app).await;
    let plan = run(app, PLAN).await;
    assert_eq!(
        plan.told(),
        [(kind, action, Outcome::Planned)],
        "{:?}",
        plan.findings
    );
    plan.result.unwrap();
    assert!(everything(app).await == before, "a plan changes nothing");
    let repair = run(app, REPAIR).await;
    assert_eq!(
        repair.told(),
        [(kind, action, Outcome::Repaired)],
        "{:?}",
        repair.findings
    );
    repair.result.unwrap();
    assert_eq!((repair.summary.repaired, repair.summary.left), (1, 0));
    for quick in [false, true] {
        run(app, Options { quick, ..REPAIR }).await.expect_nothing();
    }
}

/// A run with repairs that leaves things as they are, and tells this.
async fn leaves(app: &TestApp, options: Options, expected: &[Kind]) -> Ran {
    let before = everything(app).await;
    let ran = run(app, options).await;
    let kinds: Vec<Kind> = ran.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, expected, "{:?}", ran.findings);
    assert!(
        ran.findings
            .iter()
            .all(|finding| finding.outcome == Outcome::Left)
    );
    assert!(everything(app).await == before, "{:?}", ran.findings);
    ran
}

/// Every file with its bytes, every object and every row.
async fn everything(app: &TestApp) -> (Vec<(PathBuf, Vec<u8>)>, String) {
    let mut files: Vec<PathBuf> = app.s3.objects();
    for folder in ["originals", "journal", "swept"] {
        files.extend(files_below(&app.uploads.path().join(folder)));
    }
    files.sort();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    };
    let rows = app.database.rows().await;
    (files.into_iter().map(read).collect(), format!("{rows:?}"))
}

fn object_of(app: &TestApp, image: &Value) -> PathBuf {
    let id = image["id"].as_str().unwrap();
    let is_its = |path: &PathBuf| path.to_string_lossy().contains(id);
    let mut objects = app.s3.objects();
    objects.retain(is_its);
    assert_eq!(objects.len(), 1, "{id}");
    objects.remove(0)
}

fn object_key(image: &Value) -> String {
    let name = image["link"].as_str().unwrap().rsplit('/').next().unwrap();
    format!("images/{name}")
}

/// Makes a file older than every upload that is under way.
fn make_old(path: &Path) {
    let two_hours_ago = SystemTime::now() - Duration::from_hours(2);
    std::fs::File::open(path)
        .unwrap()
        .set_modified(two_hours_ago)
        .unwrap();
}

/// Other bytes of the same length.
fn flipped(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x55).collect()
}

fn new_name() -> String {
    format!("{}.png", ImageId::generate())
}
