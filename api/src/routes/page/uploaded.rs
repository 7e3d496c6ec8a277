//! The page that answers a form whose image was taken in.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::{Text, page};
use crate::domain::{Image, Storage, StorageState};

/// What the page tells.
pub(in crate::routes) struct UploadedPage<'image> {
    pub(in crate::routes) image: &'image Image,
    pub(in crate::routes) storage: Storage,
    /// The image on this host.
    pub(in crate::routes) link: &'image str,
    /// The page of the client that asks, and then deletes the image.
    pub(in crate::routes) delete_url: &'image str,
}

/// The page, with the status and the headers that the answer has in JSON.
pub(in crate::routes) fn uploaded_page(
    response: HttpResponseBuilder,
    told: &UploadedPage<'_>,
) -> HttpResponse {
    let UploadedPage { image, storage, .. } = told;
    let is_settled = [storage.s3, storage.record] == [StorageState::Stored; 2];
    let title = if is_settled {
        "Your image is stored"
    } else {
        "Your image is saved"
    };
    let in_s3 = match storage.s3 {
        StorageState::Stored => "Stored in S3. The public address works.",
        StorageState::Pending | StorageState::Absent => {
            "Not in S3 yet. The server keeps trying by itself; the public address works as soon as it is there."
        }
    };
    let recorded = match storage.record {
        StorageState::Stored => "Recorded in the database.",
        StorageState::Pending | StorageState::Absent => {
            "Not in the database yet: it is away. The server adds the record when it is back."
        }
    };
    let described = image.alt.as_ref().map_or("", |alt| alt.as_str());
    let file_name = image
        .file_name
        .as_ref()
        .map(|name| format!("{}, ", Text(name.as_str())))
        .unwrap_or_default();
    let (picture_width, picture_height) = shown(image.width, image.height);
    let content = format!(
        r#"<p><img class="answer__picture" src="/i/{id}/thumb" alt="{alt}" width="{picture_width}" height="{picture_height}"></p>
<ul class="answer__stages">
<li>Saved on the server. The link works.</li>
<li>{in_s3}</li>
<li>{recorded}</li>
</ul>
<dl class="answer__facts">
<dt>Link</dt>
<dd><a href="{link}">{link}</a></dd>
<dt>Public S3 address</dt>
<dd><a href="{url}">{url}</a></dd>
<dt>Uploader</dt>
<dd>{uploader}</dd>
<dt>File</dt>
<dd>{file_name}{width} × {height} pixels, {size_bytes} bytes</dd>
<dt>Delete link</dt>
<dd><a href="{delete_url}">{delete_url}</a></dd>
</dl>
<p>Whoever has the delete link can delete the image, so keep it to yourself. It is shown only here: note it down if you
may want to delete the image. The page behind it needs JavaScript, and asks before it deletes.</p>
<p><a class="button button--primary answer__next" href="/">Upload another image</a></p>"#,
        id = image.id,
        alt = Text(described),
        link = Text(told.link),
        url = Text(&image.url),
        uploader = Text(image.uploader.as_str()),
        width = image.width,
        height = image.height,
        size_bytes = image.size_bytes,
        delete_url = Text(told.delete_url),
    );
    page(response, title, &content)
}

/// How large the picture is on the page, so that nothing moves when it comes. The page's style makes it no larger.
fn shown(width: u32, height: u32) -> (u32, u32) {
    const LONGER_SIDE: u32 = 320;
    let longer = width.max(height);
    if longer <= LONGER_SIDE {
        return (width, height);
    }
    let fitting = |side: u32| {
        let side = u64::from(side) * u64::from(LONGER_SIDE) / u64::from(longer);
        u32::try_from(side).unwrap_or(LONGER_SIDE).max(1)
    };
    (fitting(width), fitting(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_never_enlarged_and_never_vanishes() {
        for (size, expected) in [
            ((10, 20), (10, 20)),
            ((320, 320), (320, 320)),
            ((640, 480), (320, 240)),
            ((480, 640), (240, 320)),
            ((1, 16_384), (1, 320)),
            ((u32::MAX, u32::MAX), (320, 320)),
        ] {
            assert_eq!(shown(size.0, size.1), expected, "{size:?}");
        }
    }
}
