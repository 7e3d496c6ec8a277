//! How variants are made and kept: once, within bounds, and never longer than their image.

mod budget;
#[cfg(feature = "failpoints")]
mod held;
mod kept;
mod originals;
mod placeholder;
mod removal;

use std::path::PathBuf;

use reqwest::Method;
use serde_json::Value;

use crate::helpers::answer::Answer;
use crate::helpers::app::{Host, files_below, path};
use crate::helpers::exposition::Exposition;

const NAMES: [&str; 3] = ["thumb", "small", "medium"];

fn id(image: &Value) -> &str {
    image["id"].as_str().unwrap()
}

/// The variant as this host gives it.
async fn variant(host: &Host, image: &Value, name: &str) -> Answer {
    host.get(&path(&image["variants"][name])).await
}

async fn webp_variant(host: &Host, image: &Value, name: &str) -> Answer {
    let request = host.request(Method::GET, &path(&image["variants"][name]));
    host.send(request.header("Accept", "image/webp")).await
}

/// What lies below `variants/`.
fn variant_files(host: &Host) -> Vec<PathBuf> {
    files_below(&host.uploads.path().join("variants"))
}

/// How often this host has made this variant, with this outcome.
async fn made(host: &Host, name: &str, outcome: &str) -> u64 {
    let text = host.get("/metrics").await.expect(200).text();
    let series =
        format!("image_handler_variants_made_total{{outcome=\"{outcome}\",variant=\"{name}\"}}");
    Exposition::read(&text).count(&series)
}

/// What the host says that its variants take.
async fn kept_bytes(host: &Host) -> u64 {
    let text = host.get("/metrics").await.expect(200).text();
    Exposition::read(&text).count("image_handler_variants_bytes")
}
