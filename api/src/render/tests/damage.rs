//! Damaged files: whatever comes out, it comes out as a picture or as an error.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::domain::ThumbHash;
use crate::inspect::Inspected;
use crate::inspect::fixtures::{self, Fixture};

fn fixture(which: Index) -> (MediaType, &'static Fixture) {
    let all: Vec<_> = fixtures::images().collect();
    all[which.index(all.len())]
}

/// Decodes whatever it is, as if `inspect` had found nothing wrong with it.
fn decode_blindly(media_type: MediaType, file: &Fixture, bytes: Vec<u8>) {
    let (width, height) = file.shown();
    let inspected = Inspected {
        media_type,
        width,
        height,
        frames: 1,
        orientation: Orientation::AS_STORED,
        bytes: bytes.into(),
    };
    let deadline = Deadline::after(Duration::from_secs(10));
    let decoded = without_panic(|| {
        let picture = decode::decode(&inspected, &deadline)?;
        let pixels = u64::from(picture.width) * u64::from(picture.height);
        let samples = picture.layout.samples();
        assert_eq!(picture.samples.len() as u64, pixels * samples as u64);
        Err(RenderError::Undecodable(String::new()))
    });
    drop(decoded);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_damaged_file_is_rendered_or_refused(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        end in any::<Option<Index>>(),
    ) {
        let (media_type, file) = fixture(which);
        let mut bytes = file.bytes.to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(file.bytes.len()));
        }
        let recipe = Recipe { longer_side: 32, accepts_webp: true, thumb_hash: true };
        let limits = RenderLimits { max_pixels: 1 << 20, ..LIMITS };
        match render(&bytes, media_type, &recipe, &limits) {
            Ok(rendered) => {
                shown(&rendered);
                prop_assert!(rendered.width.max(rendered.height) <= 32);
                prop_assert!(rendered.thumb_hash.is_some_and(|hash: ThumbHash| hash.as_bytes().len() > 4));
            }
            Err(RenderError::Undecodable(reason)) => prop_assert!(!reason.is_empty()),
            Err(RenderError::TooLarge { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
        decode_blindly(media_type, file, bytes);
    }
}
