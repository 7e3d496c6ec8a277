//! What the service asks of its records, each question as it asks it.

use std::time::Duration;

use image_handler::db::{Db, DbError, ListFilter, TombstonePlace};
use image_handler::domain::{Checksum, IdempotencyKeyHash, Image, ImageId, MediaType, Uploader};

use super::{Row, Shape};

/// None of these is to be given up.
const DEADLINE: Duration = Duration::from_mins(5);
/// As many as the client asks for, and one more.
const PAGE: u32 = 51;
/// As many as the replayer asks about at once.
const BATCH: u32 = 500;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The first page of the list.
    NewestPage,
    /// A page somewhere in it.
    PageSomewhere,
    /// The first page of whoever has the most images.
    PageOfBusiest,
    /// A page somewhere in that.
    PageOfBusiestSomewhere,
    /// All images of somebody who has three.
    PageOfRarest,
    /// The page of somebody who has none.
    PageOfNobody,
    /// One image.
    Find,
    /// One image that is not there.
    FindMissing,
    /// The image that came with a key.
    FindByKey,
    /// Whether a content is blocked.
    FindBlocked,
    /// The tombstones since some moment.
    DeletedAfter,
    /// Those since a moment ago, which are none.
    DeletedLately,
    /// Which images of many have a record.
    RecordedAmong,
    /// The next records for whoever compares all of them.
    RecordsAfter,
    /// A record that is there already.
    WriteRecordAgain,
    /// That S3 has an object.
    NoteStored,
    /// A tombstone in the place of a record.
    WriteTombstone,
    /// That nothing but the tombstone is left.
    MarkPurged,
}

impl Question {
    /// All of them.
    pub(crate) const ALL: [Self; 18] = [
        Self::NewestPage,
        Self::PageSomewhere,
        Self::PageOfBusiest,
        Self::PageOfBusiestSomewhere,
        Self::PageOfRarest,
        Self::PageOfNobody,
        Self::Find,
        Self::FindMissing,
        Self::FindByKey,
        Self::FindBlocked,
        Self::DeletedAfter,
        Self::DeletedLately,
        Self::RecordedAmong,
        Self::RecordsAfter,
        Self::WriteRecordAgain,
        Self::NoteStored,
        Self::WriteTombstone,
        Self::MarkPurged,
    ];

    /// Asks it about one of `count` records of this shape: the `number`th, where it is about one. Gives how many
    /// came back, if it is about many.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) async fn ask(
        self,
        db: &Db,
        number: u32,
        count: u32,
        shape: Shape,
    ) -> Result<usize, DbError> {
        let row = Row::numbered(number, count, shape);
        let list = async |uploader: Option<&str>, before: Option<ImageId>| {
            let uploader = uploader.map(|name| Uploader::from_stored(name.to_owned()));
            let filter = ListFilter { uploader, before };
            db.list(&filter, PAGE, DEADLINE)
                .await
                .map(|page| page.len())
        };
        let at = row.id.created_at();
        Ok(match self {
            Self::NewestPage => list(None, None).await?,
            Self::PageSomewhere => list(None, Some(row.id)).await?,
            Self::PageOfBusiest => list(Some(Shape::BUSIEST), None).await?,
            Self::PageOfBusiestSomewhere => list(Some(Shape::BUSIEST), Some(row.id)).await?,
            Self::PageOfRarest => list(Some(Shape::RAREST), None).await?,
            Self::PageOfNobody => list(Some("nobody"), None).await?,
            Self::Find => db.find(row.id, DEADLINE).await?.into_iter().len(),
            Self::FindMissing => {
                let missing = ImageId::generate();
                db.find(missing, DEADLINE).await?.into_iter().len()
            }
            Self::FindByKey => {
                let key = row.idempotency_key.unwrap_or_default();
                let key = IdempotencyKeyHash::from_stored(key);
                db.find_by_key(&key, DEADLINE).await?.into_iter().len()
            }
            Self::FindBlocked => {
                let contents = [Checksum::of(b"one"), Checksum::of(b"another")];
                let blocked = db.find_blocked(contents, DEADLINE).await?;
                blocked.into_iter().len()
            }
            Self::DeletedAfter => {
                let place = TombstonePlace::first_at(at);
                db.deleted_after(&place, BATCH, DEADLINE).await?.len()
            }
            Self::DeletedLately => {
                let place = TombstonePlace::first_at(chrono::Utc::now());
                db.deleted_after(&place, BATCH, DEADLINE).await?.len()
            }
            Self::RecordedAmong => {
                let ids: Vec<ImageId> = (0..BATCH)
                    .map(|further| number.wrapping_add(further.wrapping_mul(7919)) % count)
                    .map(|number| Row::numbered(number, count, shape).id)
                    .collect();
                db.recorded_among(&ids, DEADLINE).await?.len()
            }
            Self::RecordsAfter => db.records_after(Some(row.id), BATCH, DEADLINE).await?.len(),
            Self::WriteRecordAgain => {
                db.write_record(&image(row), DEADLINE).await?;
                1
            }
            Self::NoteStored => {
                db.note_stored(row.id, at, DEADLINE).await?;
                1
            }
            Self::WriteTombstone => {
                db.write_tombstone(&image(row), at, DEADLINE).await?;
                1
            }
            Self::MarkPurged => {
                db.mark_purged(row.id, at, DEADLINE).await?;
                1
            }
        })
    }
}

/// An image with the id and the key of this record. What else is in it does not matter to the one that is there.
fn image(row: Row) -> Image {
    Image {
        id: row.id,
        uploader: Uploader::from_stored(row.uploader),
        alt: None,
        file_name: None,
        media_type: MediaType::Jpeg,
        size_bytes: 1,
        width: 1,
        height: 1,
        sha256: Checksum::of(b""),
        received_sha256: None,
        object_key: String::new(),
        url: String::new(),
        idempotency_key: row.idempotency_key.map(IdempotencyKeyHash::from_stored),
        stored_at: None,
        thumbhash: None,
    }
}
