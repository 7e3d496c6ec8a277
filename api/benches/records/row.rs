//! One record among many.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use image_handler::domain::ImageId;
use sha2::{Digest as _, Sha256};

/// The columns that [`Row`] writes, in its order.
pub(super) const COLUMNS: &str = "id, uploader, alt, file_name, content_type, size_bytes, width, height, sha256, \
    received_sha256, object_key, url, idempotency_key, created_at, stored_at, deleted_at, purged_at";

/// When the first image was made: two years' worth of them end before every clock that runs these.
const FIRST_AT: i64 = 1_704_067_200_000;
const TWO_YEARS: i64 = 731 * 24 * 3_600_000;
/// How many people there are. The first of them has a twelfth of all images, the last one in 6000 of that.
const UPLOADERS: f64 = 2000.0;
/// One image in so many has been deleted.
const DELETED_ONE_IN: u64 = 20;
const DAY: u64 = 24 * 3_600_000;

/// What the records are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many of the newest are tombstones, without a living one among them. Beside these one in twenty is one.
    pub(crate) newest_deleted: u32,
}

impl Shape {
    /// Whoever has the most images.
    pub(crate) const BUSIEST: &str = "uploader 0000";
    /// Somebody with three images among all of them, however many these are: the first, and two in the middle.
    pub(crate) const RAREST: &str = "somebody rare";
}

/// A record. Displayed as one row of `VALUES`.
pub(crate) struct Row {
    pub(crate) id: ImageId,
    pub(crate) uploader: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) deleted_at: Option<DateTime<Utc>>,
    chance: Chance,
}

impl Row {
    /// The `number`th of `count` records, the oldest first.
    pub(crate) fn numbered(number: u32, count: u32, shape: Shape) -> Self {
        let chance = Chance::of(number);
        let step = TWO_YEARS / i64::from(count.max(1));
        let at = FIRST_AT + i64::from(number) * step + chance.below(7, step.unsigned_abs().max(1));
        let rare = [0, count / 2, count / 2 + 1].contains(&number);
        let newest = number >= count.saturating_sub(shape.newest_deleted);
        let deleted = newest || chance.number(1).is_multiple_of(DELETED_ONE_IN);
        let later = TimeDelta::milliseconds(1000 + chance.below(2, 30 * DAY));
        let id = chance.id(at);
        Self {
            uploader: if rare {
                Shape::RAREST.to_owned()
            } else {
                format!("uploader {:04}", chance.uploader())
            },
            // Most clients send one.
            idempotency_key: (!chance.number(3).is_multiple_of(4)).then(|| chance.key()),
            deleted_at: (deleted && !rare).then(|| id.created_at() + later),
            id,
            chance,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, uploader, .. } = self;
        let created_at = id.created_at();
        let stored_at = created_at + TimeDelta::milliseconds(80 + self.chance.below(5, 400));
        let purged_at = self.deleted_at.map(|at| at + TimeDelta::minutes(16));
        let key = self.idempotency_key.as_deref();
        let sha256 = self.chance.content();
        write!(
            f,
            "('{id}','{uploader}','What image {id} shows',{name},'image/jpeg',{size},2000,1500,'{sha256}','{sha256}',\
             'images/{id}.jpg','https://images.s3.eu-central-1.amazonaws.com/images/{id}.jpg',{key},{created},{stored},\
             {deleted},{purged})",
            name = quoted(Some(&format!(
                "IMG_{:05}.jpg",
                self.chance.below(8, 100_000)
            ))),
            size = 100_000 + self.chance.below(9, 800_000),
            key = quoted(key),
            created = moment(Some(created_at)),
            stored = moment(Some(stored_at)),
            deleted = moment(self.deleted_at),
            purged = moment(purged_at),
        )
    }
}

fn quoted(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), |text| format!("'{text}'"))
}

/// As both engines take it and as the service writes it.
fn moment(at: Option<DateTime<Utc>>) -> String {
    let text = at.map(|at| at.format("%Y-%m-%d %H:%M:%S%.6f").to_string());
    quoted(text.as_deref())
}

/// What is up to chance in a record, and always the same in the record with the same number.
struct Chance {
    /// For the id and for numbers, for the key, and for the content.
    bytes: [[u8; 32]; 3],
}

impl Chance {
    fn of(number: u32) -> Self {
        let bytes = [0, 1, 2].map(|part: u8| {
            let hash = Sha256::new_with_prefix([part]).chain_update(number.to_le_bytes());
            hash.finalize().into()
        });
        Self { bytes }
    }

    /// A number, another one for every `which`.
    fn number(&self, which: u64) -> u64 {
        let [first, ..] = &self.bytes;
        let seed = first
            .iter()
            .fold(0_u64, |seed, byte| seed.rotate_left(8) ^ u64::from(*byte));
        // SplitMix64: the next numbers of a generator that was seeded with the hash.
        let mut mixed = seed.wrapping_add(which.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&self, which: u64, limit: u64) -> i64 {
        i64::try_from(self.number(which) % limit).unwrap_or_default()
    }

    /// The hash of an idempotency key.
    fn key(&self) -> String {
        hex::encode(self.bytes[1])
    }

    /// The hash of a content.
    fn content(&self) -> String {
        hex::encode(self.bytes[2])
    }

    /// Few have many images, many have few.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rough share of a small number"
    )]
    fn uploader(&self) -> u64 {
        let share = (self.number(10) >> 11) as f64 / (1_u64 << 53) as f64;
        (share.powi(3) * UPLOADERS) as u64
    }

    /// A UUIDv7 of this moment.
    fn id(&self, milliseconds: i64) -> ImageId {
        let random = hex::encode(&self.bytes[0][..10]);
        let text = format!(
            "{:08x}-{:04x}-7{}-{:x}{}-{}",
            milliseconds >> 16,
            milliseconds & 0xffff,
            &random[..3],
            8 + self.number(11) % 4,
            &random[3..6],
            &random[6..18],
        );
        text.parse().expect("it is a UUIDv7")
    }
}
