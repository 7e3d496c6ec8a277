//! The ledger: what was asked of the service and what it answered, kept where no kill and no power cut reaches.
//!
//! A line is written before each request, another one after it. Whoever checks reads the file, not what the
//! clients remember.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was acknowledged.
    Ok,
    /// It was refused, or never reached the service.
    Fail,
    /// The connection was cut before an answer came.
    Unknown,
}

/// An image as an acknowledgement names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acknowledged {
    pub(crate) id: String,
    pub(crate) sha256: String,
    pub(crate) link: String,
    pub(crate) url: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Upload {
        request: u64,
        key: String,
        uploader: String,
        sent: String,
        to_be_served: String,
    },
    Delete {
        request: u64,
        key: String,
        image: String,
    },
    Result {
        request: u64,
        outcome: Outcome,
        status: Option<u16>,
        image: Option<Acknowledged>,
    },
}

/// The file of the ledger.
pub(crate) struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
    requests: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(folder: &Path) -> Self {
        let path = folder.join("ledger");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        Self {
            path,
            file: Mutex::new(file),
            requests: AtomicU64::new(0),
        }
    }

    /// Notes an upload that is about to be sent, and gives the request's number.
    pub(crate) fn upload(&self, key: &str, uploader: &str, bytes: &[u8]) -> u64 {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = sha256(bytes);
        self.write(&Line::Upload {
            request,
            key: key.to_owned(),
            uploader: uploader.to_owned(),
            to_be_served: sent.clone(),
            sent,
        });
        request
    }

    /// Notes a delete that is about to be sent, and gives the request's number.
    pub(crate) fn delete(&self, key: &str, image: &str) -> u64 {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        self.write(&Line::Delete {
            request,
            key: key.to_owned(),
            image: image.to_owned(),
        });
        request
    }

    /// Notes how a request ended.
    pub(crate) fn result(
        &self,
        request: u64,
        outcome: Outcome,
        status: Option<u16>,
        image: Option<Acknowledged>,
    ) {
        self.write(&Line::Result {
            request,
            outcome,
            status,
            image,
        });
    }

    fn write(&self, line: &Line) {
        let mut text = serde_json::to_string(line).unwrap();
        text.push('\n');
        self.file
            .lock()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Reads the file: what became of each upload and of each image that was to be deleted.
    pub(crate) fn accounts(&self) -> Accounts {
        let text = std::fs::read_to_string(&self.path).unwrap();
        let mut accounts = Accounts::default();
        let mut requests: BTreeMap<u64, Subject> = BTreeMap::new();
        for line in text.lines() {
            match serde_json::from_str(line).unwrap() {
                Line::Upload {
                    request,
                    key,
                    uploader,
                    to_be_served,
                    ..
                } => {
                    requests.insert(request, Subject::Upload(key.clone()));
                    accounts.uploads.entry(key).or_insert(UploadAccount {
                        uploader,
                        sha256: to_be_served,
                        acknowledged: Vec::new(),
                        may_have_arrived: 0,
                    });
                }
                Line::Delete { request, image, .. } => {
                    requests.insert(request, Subject::Delete(image.clone()));
                    accounts.deletes.entry(image).or_insert(Outcome::Fail);
                }
                Line::Result {
                    request,
                    outcome,
                    image,
                    ..
                } => match requests.remove(&request).unwrap() {
                    Subject::Upload(key) => {
                        let upload = accounts.uploads.get_mut(&key).unwrap();
                        upload.acknowledged.extend(image);
                        upload.may_have_arrived += usize::from(outcome == Outcome::Unknown);
                    }
                    Subject::Delete(image) => accounts.note_delete(&image, outcome),
                },
            }
        }
        // What has no result line was under way to the end.
        for subject in requests.into_values() {
            match subject {
                Subject::Upload(key) => {
                    accounts.uploads.get_mut(&key).unwrap().may_have_arrived += 1;
                }
                Subject::Delete(image) => accounts.note_delete(&image, Outcome::Unknown),
            }
        }
        accounts
    }
}

enum Subject {
    Upload(String),
    Delete(String),
}

/// What the ledger says, by subject.
#[derive(Default)]
pub(crate) struct Accounts {
    /// By idempotency key.
    pub(crate) uploads: BTreeMap<String, UploadAccount>,
    /// By image.
    pub(crate) deletes: BTreeMap<String, Outcome>,
}

impl Accounts {
    fn note_delete(&mut self, image: &str, outcome: Outcome) {
        let known = self.deletes.get_mut(image).unwrap();
        *known = match (*known, outcome) {
            (Outcome::Ok, _) | (_, Outcome::Ok) => Outcome::Ok,
            (Outcome::Unknown, _) | (_, Outcome::Unknown) => Outcome::Unknown,
            (Outcome::Fail, Outcome::Fail) => Outcome::Fail,
        };
    }
}

/// All requests with one idempotency key.
pub(crate) struct UploadAccount {
    pub(crate) uploader: String,
    /// SHA-256 of the bytes that have to be served.
    pub(crate) sha256: String,
    /// What its acknowledgements named.
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// How many of its requests were sent and not answered.
    pub(crate) may_have_arrived: usize,
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
}
