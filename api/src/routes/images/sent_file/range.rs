//! The header `Range` (RFC 9110, section 14).

/// What of an image is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// All of it.
    Whole,
    /// So many bytes from the one at `begin` on.
    Part { begin: u64, length: u64 },
    /// Nothing that it has.
    Outside,
}

/// One range of bytes. Anything else (another unit, several ranges, no range at all) gets the whole image,
/// as RFC 9110, section 14.2 allows.
pub(super) fn parse_range(value: &str, size: u64) -> Range {
    let parse = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // Larger numbers than fit mean "to the end", or lie outside.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((begin, end)) = value
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Range::Whole;
    };
    let (begin, last) = match (parse(begin), parse(end)) {
        (Some(begin), Some(end)) if begin <= end => (begin, end.min(size.saturating_sub(1))),
        (Some(begin), None) if end.is_empty() => (begin, size.saturating_sub(1)),
        (None, Some(suffix)) if begin.is_empty() => {
            if suffix == 0 {
                return Range::Outside;
            }
            (size.saturating_sub(suffix), size.saturating_sub(1))
        }
        _ => return Range::Whole,
    };
    if begin >= size {
        return Range::Outside;
    }
    Range::Part {
        begin,
        length: last - begin + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        let part = |begin, length| Range::Part { begin, length };
        let rows = [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-499", part(0, 500)),
            ("bytes=500-", part(500, 500)),
            ("bytes=-200", part(800, 200)),
            ("bytes=-2000", part(0, 1000)),
            ("bytes=900-99999999999999999999999", part(900, 100)),
            ("bytes=1000-", Range::Outside),
            ("bytes=99999999999999999999999-", Range::Outside),
            ("bytes=-0", Range::Outside),
            ("bytes=5-4", Range::Whole),
            ("bytes=0-1,5-6", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("items=0-1", Range::Whole),
            ("", Range::Whole),
        ];
        for (value, expected) in rows {
            assert_eq!(parse_range(value, 1000), expected, "{value}");
        }
    }

    #[test]
    fn no_range_lies_in_an_empty_file() {
        assert_eq!(parse_range("bytes=0-", 0), Range::Outside);
        assert_eq!(parse_range("bytes=-1", 0), Range::Outside);
    }
}
