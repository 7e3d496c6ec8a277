//! The checker: reads the database, the disk, S3 and the public API, each directly, and compares them with the
//! ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use futures_util::StreamExt as _;
use serde_json::Value;

use super::ledger::{Accounts, Outcome, UploadAccount, sha256};
use super::world::World;
use crate::helpers::app::files_below;
use crate::helpers::database::Row;

/// How many images are asked for at once.
const AT_ONCE: usize = 8;
/// How many of the things that went wrong are told in words.
const TOLD: usize = 8;

/// What a check found.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// Uploads that were acknowledged.
    pub(super) acknowledged: usize,
    /// Deletes that were acknowledged.
    pub(super) deleted: usize,
    /// Uploads whose answer never came.
    pub(super) unanswered: usize,
    /// Acknowledged images that are not whole in every place.
    pub(super) lost: usize,
    /// Idempotency keys with more than one image.
    pub(super) doubled: usize,
    /// Deleted images of which something is left.
    pub(super) revived: usize,
    /// Files, objects, records and list items that the ledger does not know of.
    pub(super) strays: usize,
    /// In words.
    pub(super) problems: Vec<String>,
}

impl Findings {
    /// What was found when the service could not even be asked.
    pub(super) fn problem(problem: String) -> Self {
        Self {
            problems: vec![problem],
            ..Self::default()
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// In a few words: the counts, and the first thing that is wrong.
    pub(super) fn summary(&self) -> String {
        let first = self.problems.first().map_or("nothing", String::as_str);
        format!(
            "{} lost, {} doubled, {} revived, {} strays of {}: {first}",
            self.lost, self.doubled, self.revived, self.strays, self.acknowledged
        )
    }

    pub(super) fn assert_clean(&self, what: &str) {
        assert!(self.is_clean(), "{what}: {self}");
        assert!(self.acknowledged > 0, "{what}: nothing was tried");
    }

    pub(super) fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.deleted += other.deleted;
        self.unanswered += other.unanswered;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.revived += other.revived;
        self.strays += other.strays;
        self.problems.extend(other.problems);
    }

    fn stray(&mut self, problem: String) {
        self.strays += 1;
        self.problems.push(problem);
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{} uploads and {} deletes acknowledged, {} uploads unanswered, {} lost, {} doubled, {} revived, {} strays",
            self.acknowledged,
            self.deleted,
            self.unanswered,
            self.lost,
            self.doubled,
            self.revived,
            self.strays
        )?;
        if let Some(more) = self
            .problems
            .len()
            .checked_sub(TOLD)
            .filter(|more| *more > 0)
        {
            write!(to, "; {} and {more} more", self.problems[..TOLD].join("; "))
        } else if self.problems.is_empty() {
            Ok(())
        } else {
            write!(to, "; {}", self.problems.join("; "))
        }
    }
}

/// Lets the service recover, sweep and start once more, and then checks everything. The parts outside the process
/// have to be there.
pub(super) async fn recover_and_check(world: &mut World) -> Findings {
    let mut problems = Vec::new();
    problems.extend(world.recover().await.err());
    if problems.is_empty() || world.is_broken() {
        // The second restart, which what was deleted has to stay deleted over as well.
        problems.extend(world.sweep().await.err());
    }
    if problems.is_empty() && !world.is_broken() {
        // It must find nothing, and bring nothing back.
        problems.extend(world.reconcile().await.err());
    }
    let mut findings = check(world).await;
    findings.problems.extend(problems);
    findings
}

/// Compares everything with the ledger. The service has to run, and to owe nothing.
pub(super) async fn check(world: &World) -> Findings {
    let Accounts { uploads, deletes } = world.ledger.accounts();
    let places = match Places::read(world).await {
        Ok(places) => places,
        Err(problem) => return Findings::problem(problem),
    };
    let mut findings = Findings::default();
    let mut known = BTreeSet::new();
    let mut must_be_there = Vec::new();
    let mut must_be_gone = Vec::new();

    for (key, upload) in &uploads {
        let ids: BTreeSet<&str> = upload
            .acknowledged
            .iter()
            .map(|image| image.id.as_str())
            .collect();
        let recorded = places.ids_with(&upload.sha256);
        known.extend(ids.iter().map(|id| (*id).to_owned()));
        known.extend(recorded.iter().cloned());
        findings.acknowledged += usize::from(!ids.is_empty());
        findings.unanswered += usize::from(ids.is_empty() && upload.may_have_arrived > 0);
        if ids.len().max(recorded.len()) > 1 {
            findings.doubled += 1;
            let problem = format!("{key} made {} images", ids.len().max(recorded.len()));
            findings.problems.push(problem);
        }
        for image in &upload.acknowledged {
            if image.sha256 != upload.sha256 {
                let problem = format!("{} was acknowledged with another checksum", image.id);
                findings.problems.push(problem);
            }
        }
        if ids.is_empty() && upload.may_have_arrived == 0 && !recorded.is_empty() {
            findings.stray(format!("{key} was refused, and yet there is {recorded:?}"));
        }
        let images = if ids.is_empty() {
            recorded.iter().map(String::as_str).collect()
        } else {
            ids
        };
        for id in images {
            let row = places.rows.get(id);
            match deletes.get(id) {
                Some(Outcome::Ok) => must_be_gone.push(id.to_owned()),
                // All or nothing: as the record says, so it has to be everywhere.
                Some(Outcome::Unknown) if row.is_some_and(|row| row.deleted == 1) => {
                    must_be_gone.push(id.to_owned());
                }
                _ => must_be_there.push((id.to_owned(), upload)),
            }
        }
    }
    findings.deleted = deletes
        .values()
        .filter(|outcome| **outcome == Outcome::Ok)
        .count();

    let there = futures_util::stream::iter(&must_be_there)
        .map(|(id, upload)| places.faults_of_present(world, id, upload))
        .buffer_unordered(AT_ONCE);
    for faults in there.collect::<Vec<_>>().await.into_iter().flatten() {
        findings.lost += 1;
        findings.problems.push(faults);
    }
    let gone = futures_util::stream::iter(&must_be_gone)
        .map(|id| places.faults_of_deleted(world, id))
        .buffer_unordered(AT_ONCE);
    for faults in gone.collect::<Vec<_>>().await.into_iter().flatten() {
        findings.revived += 1;
        findings.problems.push(faults);
    }
    places.look_for_strays(&known, &uploads, &mut findings);
    if world.logged().contains("panicked at") {
        findings.problems.push("the service panicked".to_owned());
    }
    findings
}

/// Everything that there is, place by place.
struct Places {
    rows: BTreeMap<String, Row>,
    /// SHA-256 of the local copy, by image.
    copies: BTreeMap<String, String>,
    /// The images that have variants, or of which it is noted that they can have none.
    variants: BTreeSet<String>,
    /// SHA-256 of the object, by image.
    objects: BTreeMap<String, String>,
    /// How often the image is listed.
    listed: BTreeMap<String, usize>,
    /// SHA-256 of what the sweep has set aside.
    swept: Vec<String>,
    /// Files that were being written when the process ended.
    half_written: Vec<PathBuf>,
    /// What is wrong with the places themselves.
    odd: Vec<String>,
}

impl Places {
    async fn read(world: &World) -> Result<Self, String> {
        let mut odd = Vec::new();
        let rows = world.database.rows().await;
        let mut listed = BTreeMap::new();
        for id in list(world).await? {
            *listed.entry(id).or_default() += 1;
        }
        let swept = files_below(&world.uploads.join("swept"));
        Ok(Self {
            rows: rows.into_iter().map(|row| (row.id.clone(), row)).collect(),
            copies: checksums(files_below(&world.uploads.join("originals")), &mut odd),
            variants: files_below(&world.uploads.join("variants"))
                .iter()
                .filter_map(|file| Some(file.parent()?.file_name()?.to_str()?.to_owned()))
                .collect(),
            objects: checksums(world.objects(), &mut odd),
            listed,
            swept: checksums(swept, &mut odd).into_values().collect(),
            half_written: files_below(&world.uploads.join("tmp")),
            odd,
        })
    }

    fn ids_with(&self, sha256: &str) -> BTreeSet<String> {
        let rows = self.rows.values().filter(|row| row.sha256 == sha256);
        rows.map(|row| row.id.clone()).collect()
    }

    /// What is wrong with an image that has to be whole in all places. `None`: nothing.
    async fn faults_of_present(
        &self,
        world: &World,
        id: &str,
        upload: &UploadAccount,
    ) -> Option<String> {
        let expected = &upload.sha256;
        let mut faults = Vec::new();
        match self.rows.get(id) {
            None => faults.push("no record".to_owned()),
            Some(row) => {
                if row.deleted == 1 {
                    faults.push("a tombstone".to_owned());
                }
                if row.stored == 0 {
                    faults.push("its record does not know of the object".to_owned());
                }
                if row.uploader != upload.uploader {
                    faults.push(format!("uploader {:?}", row.uploader));
                }
                if &row.sha256 != expected {
                    faults.push("a record of other bytes".to_owned());
                }
            }
        }
        for (place, found) in [
            ("local copy", self.copies.get(id)),
            ("object", self.objects.get(id)),
        ] {
            match found {
                None => faults.push(format!("no {place}")),
                Some(found) if found != expected => faults.push(format!("a damaged {place}")),
                Some(_) => {}
            }
        }
        let times = self.listed.get(id).copied().unwrap_or_default();
        if times != 1 {
            faults.push(format!("listed {times} times"));
        }
        faults.extend(faults_of_answers(world, id, upload).await);
        (!faults.is_empty()).then(|| format!("image {id}: {}", faults.join(", ")))
    }

    /// What is left of an image that was deleted. `None`: its tombstone alone.
    async fn faults_of_deleted(&self, world: &World, id: &str) -> Option<String> {
        let mut faults = Vec::new();
        if self.rows.get(id).is_none_or(|row| row.deleted == 0) {
            faults.push("no tombstone".to_owned());
        }
        if self.copies.contains_key(id) {
            faults.push("a local copy".to_owned());
        }
        if self.variants.contains(id) {
            faults.push("a variant".to_owned());
        }
        if self.objects.contains_key(id) {
            faults.push("an object".to_owned());
        }
        if self.listed.contains_key(id) {
            faults.push("it is listed".to_owned());
        }
        let url = format!("{}/api/v1/images/{id}", world.base());
        match world.fetch(&url).await {
            Some((410, _)) => {}
            answer => faults.push(format!("answer {:?}", answer.map(|(status, _)| status))),
        }
        (!faults.is_empty()).then(|| format!("deleted image {id}: {}", faults.join(", ")))
    }

    /// Whatever there is that belongs to no upload of the ledger. A local copy that nobody owns may have been set
    /// aside, if it is of an upload that was cut.
    fn look_for_strays(
        &self,
        known: &BTreeSet<String>,
        uploads: &BTreeMap<String, UploadAccount>,
        findings: &mut Findings,
    ) {
        let places: [(&str, Vec<&String>); 5] = [
            ("record", self.rows.keys().collect()),
            ("local copy", self.copies.keys().collect()),
            ("variant", self.variants.iter().collect()),
            ("object", self.objects.keys().collect()),
            ("list item", self.listed.keys().collect()),
        ];
        for (place, ids) in places {
            for id in ids.into_iter().filter(|id| !known.contains(*id)) {
                findings.stray(format!("a {place} of {id}, which the ledger does not know"));
            }
        }
        let cut: BTreeSet<&str> = uploads
            .values()
            .filter(|upload| upload.may_have_arrived > 0)
            .map(|upload| upload.sha256.as_str())
            .collect();
        for sha256 in self
            .swept
            .iter()
            .filter(|sha256| !cut.contains(sha256.as_str()))
        {
            findings.stray(format!("the copy {sha256} was set aside"));
        }
        for file in &self.half_written {
            findings.stray(format!("{} is left", file.display()));
        }
        findings.problems.extend(self.odd.iter().cloned());
    }
}

/// The image as the public API and S3 give it.
async fn faults_of_answers(world: &World, id: &str, upload: &UploadAccount) -> Vec<String> {
    let url = format!("{}/api/v1/images/{id}", world.base());
    let Some((200, body)) = world.fetch(&url).await else {
        return vec!["the API does not know it".to_owned()];
    };
    let image: Value = serde_json::from_slice(&body).unwrap();
    let mut faults = Vec::new();
    if image["sha256"] != upload.sha256.as_str() {
        faults.push("the API names another checksum".to_owned());
    }
    if image["uploader"] != upload.uploader.as_str() {
        faults.push("the API names another uploader".to_owned());
    }
    for part in ["local", "s3", "record"] {
        if image["storage"][part] != "stored" {
            faults.push(format!("storage.{part} is {}", image["storage"][part]));
        }
    }
    for name in ["link", "url"] {
        match world.fetch(image[name].as_str().unwrap()).await {
            Some((200, bytes)) if sha256(&bytes) == upload.sha256 => {}
            Some((200, _)) => faults.push(format!("its {name} gives other bytes")),
            answer => faults.push(format!(
                "its {name} answers {:?}",
                answer.map(|(status, _)| status)
            )),
        }
    }
    faults
}

/// The whole list, page by page.
async fn list(world: &World) -> Result<Vec<String>, String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!("{}/api/v1/images?limit=100{cursor}", world.base());
        let Some((200, body)) = world.fetch(&url).await else {
            return Err("the list cannot be read".to_owned());
        };
        let page: Value = serde_json::from_slice(&body).unwrap();
        let items = page["items"].as_array().unwrap();
        ids.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(ids),
        }
    }
}

/// SHA-256 of each file, by the image that it is named after.
fn checksums(files: Vec<PathBuf>, odd: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut checksums = BTreeMap::new();
    for file in files {
        let id = file.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&file).unwrap();
        if checksums.insert(id, sha256(&bytes)).is_some() {
            odd.push(format!("{} is there twice", file.display()));
        }
    }
    checksums
}
