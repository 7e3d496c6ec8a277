//! Colour profiles (ICC.1:2022), as far as a file's container has to know them.

/// How many bytes at the beginning of a profile are looked at.
pub(super) const HEAD: usize = 40;
/// The header, which every profile has (section 7.2).
const HEADER_BYTES: usize = 128;
/// Some writers fill a profile up to a multiple of four.
const MOST_PADDING: usize = 3;

/// Whether this is the beginning of a profile of so many bytes: with its signature, and as long as it says.
/// Without the signature viewers leave it unread; what is longer has something else behind the profile.
pub(super) fn is_profile(head: &[u8], length: usize) -> bool {
    let declared = super::read::u32_be(head, 0).and_then(|size| usize::try_from(size).ok());
    let is_as_long = declared.is_some_and(|declared| {
        declared >= HEADER_BYTES
            && (declared..=declared.saturating_add(MOST_PADDING)).contains(&length)
    });
    is_as_long && head.get(36..HEAD) == Some(b"acsp")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A profile of so many bytes, as far as it is looked at.
    pub(in crate::inspect) fn profile_of(length: usize) -> Vec<u8> {
        let declared = u32::try_from(length).unwrap().to_be_bytes();
        [&declared[..], &[0; 32], b"acsp", &vec![0; length - HEAD]].concat()
    }

    /// The smallest one, and bytes behind it.
    pub(in crate::inspect) fn profile(behind: usize) -> Vec<u8> {
        [profile_of(HEADER_BYTES), vec![0; behind]].concat()
    }

    #[test]
    fn a_profile_has_its_signature_and_the_length_that_it_says() {
        for padding in 0..=MOST_PADDING {
            let whole = profile(padding);
            assert!(is_profile(&whole, whole.len()), "{padding}");
        }
        let whole = profile(0);
        assert!(
            is_profile(&whole[..HEAD], whole.len()),
            "the head is enough"
        );
        let mut unsigned = whole.clone();
        unsigned[36] = b'A';
        let mut short = whole.clone();
        short[3] = 127;
        for (why, bytes, length) in [
            ("nothing", &[][..], 0),
            ("half a head", &whole[..20], 128),
            ("cut short", &whole[..100], 100),
            ("something behind it", &whole, 132),
            ("no signature", &unsigned, 128),
            ("shorter than a header", &short, 127),
        ] {
            assert!(!is_profile(bytes, length), "{why}");
        }
    }
}
