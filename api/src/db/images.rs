//! Every query on the `images` table.

use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::mysql::Mysql;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl;

use super::page::Page;
use super::schema::images;
use super::{Db, DbError, QueryFailure, on_engine, write_on_engine};
use crate::domain::{
    AltText, FileName, IdempotencyKeyHash, Image, ImageId, MediaType, ThumbHash, Uploader,
};

/// A record: an image, or the tombstone of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The image.
    pub image: Image,
    /// Whether it has been deleted: then the record is only a tombstone.
    pub deleted: bool,
}

/// What became of a record that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is there, and it is ours.
    Written,
    /// The image was deleted in the meantime. The tombstone stays as it is.
    Deleted,
    /// Another image has this idempotency key: this one. Nothing was written.
    KeyTaken(Box<Record>),
}

/// Which images a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only those of this uploader.
    pub uploader: Option<Uploader>,
    /// Only those that are older than this one.
    pub before: Option<ImageId>,
}

/// Where a tombstone stands among all of them, in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TombstonePlace {
    deleted_at: NaiveDateTime,
    /// Empty: before all of that moment.
    id: String,
}

impl TombstonePlace {
    /// The place before the first tombstone of this moment.
    #[must_use]
    pub fn first_at(moment: DateTime<Utc>) -> Self {
        Self {
            deleted_at: moment.naive_utc(),
            id: String::new(),
        }
    }
}

impl Db {
    /// Writes the record of an image. Doing it twice is fine; the second time adds what is newly known. The
    /// deadline is that of all its queries together.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn write_record(
        &self,
        image: &Image,
        deadline: Duration,
    ) -> Result<WriteOutcome, DbError> {
        let row = Row::of(image);
        let until = Instant::now() + deadline;
        let inserted = write_on_engine!(self, deadline, |connection| {
            diesel::insert_into(images::table)
                .values(&row)
                .execute(connection)
                .await
        });
        match inserted {
            Ok(_) => return Ok(WriteOutcome::Written),
            Err(QueryFailure::UniqueViolation) => {}
            Err(failure) => return Err(failure.into()),
        }
        // Either this record is there already, or another one has the key.
        match self.find(image.id, left_until(until)).await? {
            None => {}
            Some(record) if record.deleted => return Ok(WriteOutcome::Deleted),
            Some(_) => {
                if let Some(stored_at) = image.stored_at {
                    self.note_stored(image.id, stored_at, left_until(until))
                        .await?;
                }
                return Ok(WriteOutcome::Written);
            }
        }
        let winner = match &image.idempotency_key {
            Some(key) => self.find_by_key(key, left_until(until)).await?,
            None => None,
        };
        match winner {
            Some(winner) if winner.image.id != image.id => {
                Ok(WriteOutcome::KeyTaken(Box::new(winner)))
            }
            // Whatever it was that made the record a duplicate: it may pass.
            _ => Err(QueryFailure::UniqueViolation.into()),
        }
    }

    /// Notes when S3 confirmed the object, unless that is noted already.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn note_stored(
        &self,
        id: ImageId,
        stored_at: DateTime<Utc>,
        deadline: Duration,
    ) -> Result<(), DbError> {
        let id = id.to_string();
        write_on_engine!(self, deadline, |connection| {
            diesel::update(images::table.find(&id).filter(images::stored_at.is_null()))
                .set(images::stored_at.eq(stored_at.naive_utc()))
                .execute(connection)
                .await
        })?;
        Ok(())
    }

    /// Notes what to show while the image loads, unless that is noted already or the image was deleted. Says
    /// whether it did.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn note_thumbhash(
        &self,
        id: ImageId,
        thumbhash: &ThumbHash,
        deadline: Duration,
    ) -> Result<bool, DbError> {
        let (id, thumbhash) = (id.to_string(), thumbhash.to_string());
        let noted = write_on_engine!(self, deadline, |connection| {
            diesel::update(
                images::table
                    .find(&id)
                    .filter(images::thumbhash.is_null())
                    .filter(images::deleted_at.is_null()),
            )
            .set(images::thumbhash.eq(&thumbhash))
            .execute(connection)
            .await
        })?;
        Ok(noted > 0)
    }

    /// Turns the record into a tombstone, making it if it was never written. An older tombstone stays. The
    /// deadline is that of all its queries together.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn write_tombstone(
        &self,
        image: &Image,
        deleted_at: DateTime<Utc>,
        deadline: Duration,
    ) -> Result<(), DbError> {
        let mut row = Row::of(image);
        row.deleted_at = Some(deleted_at.naive_utc());
        row.thumbhash = None;
        let until = Instant::now() + deadline;
        let inserted = write_on_engine!(self, deadline, |connection| {
            diesel::insert_into(images::table)
                .values(&row)
                .execute(connection)
                .await
        });
        match inserted {
            Err(QueryFailure::UniqueViolation) => {}
            inserted => return Ok(inserted.map(|_| ())?),
        }
        write_on_engine!(self, left_until(until), |connection| {
            diesel::update(
                images::table
                    .find(&row.id)
                    .filter(images::deleted_at.is_null()),
            )
            .set((
                images::deleted_at.eq(row.deleted_at),
                images::thumbhash.eq(None::<String>),
            ))
            .execute(connection)
            .await
        })?;
        if self.find(image.id, left_until(until)).await?.is_some() {
            return Ok(());
        }
        // There was no such record: it is another image's that has the key.
        row.idempotency_key = None;
        let inserted = write_on_engine!(self, left_until(until), |connection| {
            diesel::insert_into(images::table)
                .values(&row)
                .execute(connection)
                .await
        });
        match inserted {
            Err(QueryFailure::UniqueViolation) => Ok(()),
            inserted => Ok(inserted.map(|_| ())?),
        }
    }

    /// Images whose tombstones stand after this place, the oldest tombstone first, and the places of these.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn deleted_after(
        &self,
        place: &TombstonePlace,
        limit: u32,
        deadline: Duration,
    ) -> Result<Vec<(Image, TombstonePlace)>, DbError> {
        let at = Some(place.deleted_at);
        let rows: Vec<Row> = on_engine!(self, deadline, |connection| {
            images::table
                // The first half alone would do for the index, the second one tells those of one moment apart.
                .filter(images::deleted_at.ge(at))
                .filter(images::deleted_at.ne(at).or(images::id.gt(&place.id)))
                .order((images::deleted_at.asc(), images::id.asc()))
                .limit(limit.into())
                .select(Row::as_select())
                .load(connection)
                .await
        })?;
        let tombstones = rows.into_iter().map(|row| {
            let place = TombstonePlace {
                deleted_at: row.deleted_at.unwrap_or(place.deleted_at),
                id: row.id.clone(),
            };
            Record::try_from(row).map(|record| (record.image, place))
        });
        Ok(tombstones.collect::<Result<_, _>>()?)
    }

    /// Notes in the tombstone that nothing else is left of the image.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn mark_purged(
        &self,
        id: ImageId,
        purged_at: DateTime<Utc>,
        deadline: Duration,
    ) -> Result<(), DbError> {
        let id = id.to_string();
        write_on_engine!(self, deadline, |connection| {
            diesel::update(images::table.find(&id).filter(images::purged_at.is_null()))
                .set(images::purged_at.eq(purged_at.naive_utc()))
                .execute(connection)
                .await
        })?;
        Ok(())
    }

    /// The records with the next ids after this one, by their ids, tombstones included.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn records_after(
        &self,
        after: Option<ImageId>,
        limit: u32,
        deadline: Duration,
    ) -> Result<Vec<Record>, DbError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows: Vec<Row> = on_engine!(self, deadline, |connection| {
            images::table
                .filter(images::id.gt(&after))
                .order(images::id.asc())
                .limit(limit.into())
                .select(Row::as_select())
                .load(connection)
                .await
        })?;
        let records = rows.into_iter().map(Record::try_from);
        Ok(records.collect::<Result<_, _>>()?)
    }

    /// The record of this image, tombstones included.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn find(&self, id: ImageId, deadline: Duration) -> Result<Option<Record>, DbError> {
        let id = id.to_string();
        let row = on_engine!(self, deadline, |connection| {
            images::table
                .find(&id)
                .select(Row::as_select())
                .first(connection)
                .await
                .optional()
        })?;
        Ok(row.map(Record::try_from).transpose()?)
    }

    /// The record of the image that was uploaded with this key, tombstones included.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn find_by_key(
        &self,
        key: &IdempotencyKeyHash,
        deadline: Duration,
    ) -> Result<Option<Record>, DbError> {
        let row = on_engine!(self, deadline, |connection| {
            images::table
                .filter(images::idempotency_key.eq(key.as_str()))
                .select(Row::as_select())
                .first(connection)
                .await
                .optional()
        })?;
        Ok(row.map(Record::try_from).transpose()?)
    }

    /// The newest images, without tombstones. Costs the same wherever in the list it begins, however many there are.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn list(
        &self,
        filter: &ListFilter,
        limit: u32,
        deadline: Duration,
    ) -> Result<Vec<Image>, DbError> {
        let before = filter.before.map(|id| id.to_string());
        let uploader = filter.uploader.as_ref().map(Uploader::as_str);
        let rows: Vec<Row> = on_engine!(
            self,
            deadline,
            |connection| sqlite: {
                let page = Page::<Sqlite>::new(uploader, before.as_deref(), limit);
                page.load(connection).await
            },
            mysql: {
                let page = Page::<Mysql>::new(uploader, before.as_deref(), limit);
                page.load(connection).await
            }
        )?;
        let images = rows
            .into_iter()
            .map(|row| Record::try_from(row).map(|record| record.image));
        Ok(images.collect::<Result<_, _>>()?)
    }

    /// Which of these images have a record that is no tombstone.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn live_among(
        &self,
        ids: &[ImageId],
        deadline: Duration,
    ) -> Result<Vec<ImageId>, DbError> {
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let found: Vec<String> = on_engine!(self, deadline, |connection| {
            images::table
                .filter(images::id.eq_any(&texts))
                .filter(images::deleted_at.is_null())
                .select(images::id)
                .load(connection)
                .await
        })?;
        let ids = found.iter().map(|id| id.parse().map_err(unreadable));
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Which of these images have a record, tombstones included.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn recorded_among(
        &self,
        ids: &[ImageId],
        deadline: Duration,
    ) -> Result<Vec<ImageId>, DbError> {
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let found: Vec<String> = on_engine!(self, deadline, |connection| {
            images::table
                .filter(images::id.eq_any(&texts))
                .select(images::id)
                .load(connection)
                .await
        })?;
        let ids = found.iter().map(|id| id.parse().map_err(unreadable));
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

/// A row as both engines hold it. What is not known is written as null, not left to the column's default: so the
/// statement is always the same, and prepared once for each connection.
#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = images, treat_none_as_default_value = false)]
pub(super) struct Row {
    id: String,
    uploader: String,
    alt: Option<String>,
    file_name: Option<String>,
    content_type: String,
    size_bytes: i64,
    width: i32,
    height: i32,
    sha256: String,
    received_sha256: Option<String>,
    object_key: String,
    url: String,
    idempotency_key: Option<String>,
    created_at: NaiveDateTime,
    stored_at: Option<NaiveDateTime>,
    deleted_at: Option<NaiveDateTime>,
    purged_at: Option<NaiveDateTime>,
    thumbhash: Option<String>,
}

impl Row {
    fn of(image: &Image) -> Self {
        Self {
            id: image.id.to_string(),
            uploader: image.uploader.as_str().to_owned(),
            alt: image.alt.as_ref().map(|text| text.as_str().to_owned()),
            file_name: image
                .file_name
                .as_ref()
                .map(|name| name.as_str().to_owned()),
            content_type: image.media_type.name().to_owned(),
            // Sizes are limited long before these types are.
            size_bytes: i64::try_from(image.size_bytes).unwrap_or(i64::MAX),
            width: i32::try_from(image.width).unwrap_or(i32::MAX),
            height: i32::try_from(image.height).unwrap_or(i32::MAX),
            sha256: image.sha256.to_string(),
            received_sha256: image.received_sha256.map(String::from),
            object_key: image.object_key.clone(),
            url: image.url.clone(),
            idempotency_key: image
                .idempotency_key
                .as_ref()
                .map(|key| key.as_str().to_owned()),
            created_at: image.created_at().naive_utc(),
            stored_at: image.stored_at.map(|at| at.naive_utc()),
            deleted_at: None,
            purged_at: None,
            thumbhash: image.thumbhash.clone().map(String::from),
        }
    }
}

impl TryFrom<Row> for Record {
    type Error = QueryFailure;

    fn try_from(row: Row) -> Result<Self, QueryFailure> {
        let image = Image {
            id: row.id.parse().map_err(unreadable)?,
            uploader: Uploader::from_stored(row.uploader),
            alt: row.alt.map(AltText::from_stored),
            file_name: row.file_name.map(FileName::from_stored),
            media_type: MediaType::from_name(&row.content_type)
                .ok_or_else(|| unreadable(format!("unknown content type {}", row.content_type)))?,
            size_bytes: u64::try_from(row.size_bytes).map_err(unreadable)?,
            width: u32::try_from(row.width).map_err(unreadable)?,
            height: u32::try_from(row.height).map_err(unreadable)?,
            sha256: row.sha256.parse().map_err(unreadable)?,
            received_sha256: row
                .received_sha256
                .map(|text| text.parse().map_err(unreadable))
                .transpose()?,
            object_key: row.object_key,
            url: row.url,
            idempotency_key: row.idempotency_key.map(IdempotencyKeyHash::from_stored),
            stored_at: row.stored_at.map(|at| at.and_utc()),
            thumbhash: row
                .thumbhash
                .map(|text| text.parse().map_err(unreadable))
                .transpose()?,
        };
        Ok(Self {
            image,
            deleted: row.deleted_at.is_some(),
        })
    }
}

fn left_until(instant: Instant) -> Duration {
    instant.saturating_duration_since(Instant::now())
}

fn unreadable(reason: impl std::fmt::Display) -> QueryFailure {
    QueryFailure::Unreadable(reason.to_string())
}
