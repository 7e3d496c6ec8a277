//! Under which name browsers save an image.

use actix_web::http::header::{
    Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue,
};

use crate::domain::{FileName, MediaType};

/// To be shown, and saved under the uploader's name for the file (RFC 6266) with an extension of the type
/// that it really has: what is saved must not open as something else.
pub(super) fn disposition(file_name: &FileName, media_type: MediaType) -> ContentDisposition {
    let name = file_name.as_str();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let fits = media_type
        .extensions()
        .iter()
        .any(|each| each.eq_ignore_ascii_case(extension));
    let name = if fits && !stem.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{}", media_type.extension())
    };
    let mut parameters = Vec::new();
    if name.is_ascii() {
        parameters.push(DispositionParam::Filename(name));
    } else {
        // For clients that cannot read the extended form (RFC 6266, appendix D).
        let plain = name
            .chars()
            .map(|each| if each.is_ascii() { each } else { '_' });
        parameters.push(DispositionParam::Filename(plain.collect()));
        parameters.push(DispositionParam::FilenameExt(ExtendedValue {
            charset: Charset::Ext("UTF-8".to_owned()),
            language_tag: None,
            value: name.into_bytes(),
        }));
    }
    ContentDisposition {
        disposition: DispositionType::Inline,
        parameters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_has_the_uploaders_name_and_the_extension_of_its_type() {
        let rows = [
            ("cat.png", r#"inline; filename="cat.png""#),
            ("cat.PNG", r#"inline; filename="cat.PNG""#),
            ("cat.html", r#"inline; filename="cat.html.png""#),
            ("cat", r#"inline; filename="cat.png""#),
            (".png", r#"inline; filename=".png.png""#),
            (r#"a"b\\c".png"#, r#"inline; filename="c\".png""#),
            (
                "Möwe 🦅.png",
                "inline; filename=\"M_we _.png\"; filename*=UTF-8''M%C3%B6we%20%F0%9F%A6%85.png",
            ),
        ];
        for (name, expected) in rows {
            let name = FileName::clean(name).unwrap();
            let header = disposition(&name, MediaType::Png).to_string();
            assert_eq!(header, expected);
        }
    }
}
