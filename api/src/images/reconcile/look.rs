//! Looks at an image: at first as cheaply as its state allows, and at everything of it when something is
//! conspicuous.
//!
//! A service may be at work on the same image. So the journal and the record are read before and after the rest,
//! and what was seen counts only if they are the same: then no upload and no delete came in between.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::SystemTime;

use bytes::Bytes;
use chrono::DateTime;

use super::judge::{CopyState, Evidence, ObjectState, SeenCopy, SeenObject, Source};
use super::sightings::Sighting;
use super::{ReconcileError, Reconciliation};
use crate::db::Record;
use crate::domain::{Checksum, Image, ImageId, MediaType};
use crate::images::ingest::contents;
use crate::storage::{ObjectError, ObjectHead, ObjectMetadata, StorageKey};

/// How often an image that keeps changing is looked at before it is left to the next run.
const LOOKS: usize = 3;
/// No upload is larger, whatever is configured. What is larger is not fetched.
const LARGEST_IMAGE: u64 = 100 * 1024 * 1024;
/// Hashing more bytes than this takes more than a moment.
const LONG_TO_HASH: usize = 256 * 1024;

/// What a full look gives.
pub(super) enum Look {
    /// What was seen while nothing changed.
    Steady(Evidence),
    /// The journal of this host has an entry for the image; with the record as it is now.
    Pending(Option<Record>),
    /// It changed in every look.
    Changing,
}

impl Reconciliation {
    /// Whether an image is in order as far as lists show it: existence and sizes.
    pub(super) fn is_in_order_by_lists(&self, sighting: &Sighting) -> bool {
        let Some(record) = &sighting.record else {
            return false;
        };
        let image = &record.image;
        let (listed_key, _) = self.objects.address(StorageKey::original(image));
        // An object that lies elsewhere (the prefix was another one once) is not in the list.
        if listed_key != image.object_key {
            return false;
        }
        if record.deleted {
            return sighting.objects.is_empty() && sighting.copies.is_empty();
        }
        let object_fits = matches!(
            sighting.objects.as_slice(),
            [object] if object.object_key == image.object_key && object.size_bytes == image.size_bytes
        );
        let copy_fits = match sighting.copies.as_slice() {
            [] => self.options.several_hosts,
            [copy] => copy.media_type == image.media_type && copy.size_bytes == image.size_bytes,
            _ => false,
        };
        object_fits && copy_fits && image.stored_at.is_some()
    }

    /// Whether both copies of an image that is in order by the lists hold its bytes.
    pub(super) async fn holds_its_bytes(
        &self,
        sighting: &Sighting,
    ) -> Result<bool, ReconcileError> {
        let Some(Record {
            image,
            deleted: false,
        }) = &sighting.record
        else {
            return Ok(true);
        };
        if !sighting.copies.is_empty() {
            match self.local.read(StorageKey::original(image)).await {
                Ok(Some(bytes)) if checksum(&bytes) == image.sha256 => {}
                _ => return Ok(false),
            }
        }
        let head = self.objects.head(&image.object_key, self.object_deadline());
        let has_copy = !sighting.copies.is_empty();
        let good = match head.await {
            Ok(Some(head)) => self.is_good(image, &head, has_copy).await,
            Ok(None) => Ok(false),
            Err(error) => Err(error.into()),
        };
        match good {
            Err(ReconcileError::Objects(ObjectError::Withheld { .. })) => Ok(false),
            good => good,
        }
    }

    /// Looks at everything of an image.
    pub(super) async fn look(&self, sighting: &Sighting) -> Result<Look, ReconcileError> {
        let id = sighting.id;
        for _ in 0..LOOKS {
            // The journal first: an entry that ends after this look has its record by the next.
            let pending = self.local.has_entry(id).await?;
            let record = self.find(id).await?;
            if pending {
                return Ok(Look::Pending(record));
            }
            let evidence = self.see(sighting, record).await?;
            let pending = self.local.has_entry(id).await?;
            if !pending && self.find(id).await? == evidence.record {
                return Ok(Look::Steady(evidence));
            }
        }
        Ok(Look::Changing)
    }

    /// Looks at everything of an image that has an entry in the journal.
    pub(super) async fn look_at_deleted(
        &self,
        sighting: &Sighting,
        record: Record,
    ) -> Result<Evidence, ReconcileError> {
        self.see(sighting, Some(record)).await
    }

    async fn see(
        &self,
        sighting: &Sighting,
        record: Option<Record>,
    ) -> Result<Evidence, ReconcileError> {
        let copies = self.see_copies(sighting, record.as_ref()).await?;
        let good_copy = copies
            .iter()
            .any(|copy| matches!(copy.state, CopyState::Good));
        let objects = self
            .see_objects(sighting, record.as_ref(), good_copy)
            .await?;
        let good_object = objects
            .iter()
            .any(|object| matches!(object.state, ObjectState::Good));
        let elsewhere = match &record {
            Some(record) if !record.deleted && !good_copy && !good_object => {
                self.find_elsewhere(&record.image, &objects, &copies)
                    .await?
            }
            _ => None,
        };
        Ok(Evidence {
            id: sighting.id,
            record,
            objects,
            copies,
            elsewhere,
        })
    }

    /// Where the bytes of an image are that are not where they belong: in a file that was set aside, in a copy of
    /// another type, or in an object under another key.
    async fn find_elsewhere(
        &self,
        image: &Image,
        objects: &[SeenObject],
        copies: &[SeenCopy],
    ) -> Result<Option<Source>, ReconcileError> {
        let mut files = self.local.set_aside_of(image.id).await?;
        let others = copies.iter().map(|copy| copy.key.local_path());
        files.extend(others);
        for path in files {
            if let Ok(Some(bytes)) = self.local.read_file(&path).await
                && checksum(&bytes) == image.sha256
            {
                return Ok(Some(Source::File(path)));
            }
        }
        for object in objects {
            if !matches!(object.state, ObjectState::Unowned) {
                continue;
            }
            let got = self.objects.get(&object.object_key, self.object_deadline());
            match got.await {
                Ok(Some(bytes)) if checksum(&bytes) == image.sha256 => {
                    return Ok(Some(Source::Object(object.object_key.clone())));
                }
                Ok(_) | Err(ObjectError::Withheld { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    async fn find(&self, id: ImageId) -> Result<Option<Record>, ReconcileError> {
        Ok(self
            .asking_database(|db, deadline| db.find(id, deadline))
            .await?)
    }

    async fn see_objects(
        &self,
        sighting: &Sighting,
        record: Option<&Record>,
        good_copy: bool,
    ) -> Result<Vec<SeenObject>, ReconcileError> {
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        keys.extend(record.map(|record| record.image.object_key.as_str()));
        keys.extend(
            sighting
                .objects
                .iter()
                .map(|object| object.object_key.as_str()),
        );
        let mut seen = Vec::new();
        for object_key in keys {
            let looked = self
                .see_object(sighting, record, object_key, good_copy)
                .await;
            match looked {
                Ok(object) => seen.extend(object),
                // One object must not keep all others from being looked at.
                Err(ReconcileError::Objects(error @ ObjectError::Withheld { .. })) => {
                    seen.push(SeenObject {
                        object_key: object_key.to_owned(),
                        e_tag: None,
                        last_modified: DateTime::UNIX_EPOCH,
                        young: false,
                        state: ObjectState::Unreadable(error.to_string()),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(seen)
    }

    async fn see_object(
        &self,
        sighting: &Sighting,
        record: Option<&Record>,
        object_key: &str,
        good_copy: bool,
    ) -> Result<Option<SeenObject>, ReconcileError> {
        let head = self.objects.head(object_key, self.object_deadline());
        let Some(head) = head.await? else {
            return Ok(None);
        };
        let young = self.options.is_young(head.last_modified);
        let state = match record {
            Some(record) if record.deleted => ObjectState::Unowned,
            Some(Record { image, .. }) if image.object_key == object_key => {
                if self.is_good(image, &head, good_copy).await? {
                    ObjectState::Good
                } else {
                    ObjectState::Damaged
                }
            }
            Some(_) => ObjectState::Unowned,
            // It is left alone, so nothing is fetched for it.
            None if young => ObjectState::Orphan(String::new()),
            None => match self.rebuild(sighting, object_key, &head).await? {
                Ok(image) => ObjectState::Rebuildable(Box::new(image)),
                Err(reason) => ObjectState::Orphan(reason.to_owned()),
            },
        };
        Ok(Some(SeenObject {
            object_key: object_key.to_owned(),
            e_tag: head.e_tag,
            last_modified: head.last_modified,
            young,
            state,
        }))
    }

    /// Whether the object holds the image's bytes. What S3 says is believed if it says yes, unless it may have
    /// been true once only, or nothing else than this object is good.
    async fn is_good(
        &self,
        image: &Image,
        head: &ObjectHead,
        good_copy: bool,
    ) -> Result<bool, ReconcileError> {
        if head.size_bytes != image.size_bytes {
            return Ok(false);
        }
        let believed = good_copy && !self.objects.tells_old_checksums();
        if believed && head.is(image.sha256) == Some(true) {
            return Ok(true);
        }
        let bytes = self.objects.get(&image.object_key, self.object_deadline());
        Ok(match bytes.await? {
            Some(bytes) => checksum(&bytes) == image.sha256,
            None => false,
        })
    }

    /// The image that an object without a record says it is, or why it makes none.
    async fn rebuild(
        &self,
        sighting: &Sighting,
        object_key: &str,
        head: &ObjectHead,
    ) -> Result<Result<Image, &'static str>, ReconcileError> {
        let named = sighting
            .objects
            .iter()
            .find(|each| each.object_key == object_key);
        let Some((id, media_type)) = named.and_then(|object| object.named) else {
            return Ok(Err("its key names no image"));
        };
        let Some(text) = &head.record else {
            return Ok(Err("it does not say what its record was"));
        };
        let Ok(metadata) = ObjectMetadata::decode(text) else {
            return Ok(Err("what it says of its record cannot be read"));
        };
        let bytes = if head.size_bytes > LARGEST_IMAGE {
            None
        } else {
            self.objects.get(object_key, self.object_deadline()).await?
        };
        let is_whole = |bytes: &Bytes| checksum(bytes) == metadata.sha256;
        let mut bytes = bytes.filter(is_whole);
        if bytes.is_none() {
            // The copy may be good where the object is not: then the record lets the one mend the other.
            let key = StorageKey::Original { id, media_type };
            let copy = self.local.read(key).await.ok().flatten();
            bytes = copy.filter(is_whole);
        }
        let Some(bytes) = bytes else {
            return Ok(Err(
                "its bytes are not those that it says its record was of",
            ));
        };
        let size_bytes = bytes.len() as u64;
        let (address, url) = self
            .objects
            .address(StorageKey::Original { id, media_type });
        let image = Image {
            id,
            uploader: metadata.uploader,
            alt: metadata.alt,
            file_name: metadata.file_name,
            media_type,
            size_bytes,
            width: metadata.width,
            height: metadata.height,
            sha256: metadata.sha256,
            received_sha256: metadata.received_sha256,
            object_key: address,
            url,
            idempotency_key: None,
            stored_at: Some(head.last_modified),
            thumbhash: None,
        };
        let blocked = self
            .asking_database(|db, deadline| {
                let contents = contents(&image);
                async move { db.find_blocked(contents, deadline).await }
            })
            .await?;
        Ok(match blocked {
            Some(_) => Err("its content is blocked"),
            None => Ok(image),
        })
    }

    async fn see_copies(
        &self,
        sighting: &Sighting,
        record: Option<&Record>,
    ) -> Result<Vec<SeenCopy>, ReconcileError> {
        let recorded = record.map(|record| record.image.media_type);
        let listed = sighting.copies.iter().map(|copy| copy.media_type);
        let mut seen = Vec::new();
        for media_type in MediaType::ALL {
            if recorded != Some(media_type) && !listed.clone().any(|each| each == media_type) {
                continue;
            }
            let key = StorageKey::Original {
                id: sighting.id,
                media_type,
            };
            let Some(written_at) = self.local.written_at(key).await? else {
                continue;
            };
            let state = match record {
                Some(Record {
                    image,
                    deleted: false,
                }) if image.media_type == media_type => match self.local.read(key).await {
                    Ok(None) => continue,
                    Ok(Some(bytes)) if checksum(&bytes) == image.sha256 => CopyState::Good,
                    Ok(Some(_)) => CopyState::Damaged,
                    Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                        let path = self.local.path(key).display().to_string();
                        return Err(ReconcileError::NotAllowed(path));
                    }
                    Err(error) => CopyState::Unreadable(error.to_string()),
                },
                _ => CopyState::Unowned,
            };
            seen.push(SeenCopy {
                key,
                young: self.options.is_young(SystemTime::into(written_at)),
                state,
            });
        }
        Ok(seen)
    }
}

/// Hashed where it does not keep the network waiting.
pub(super) fn checksum(bytes: &Bytes) -> Checksum {
    if bytes.len() < LONG_TO_HASH {
        return Checksum::of(bytes);
    }
    tokio::task::block_in_place(|| Checksum::of(bytes))
}
