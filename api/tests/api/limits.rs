//! `GET /api/v1/limits`

use insta::assert_json_snapshot;

use crate::helpers::app::TestApp;
use crate::helpers::database::Engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limits_are_those_of_the_configuration() {
    let app = TestApp::start(Engine::Sqlite).await;
    assert_json_snapshot!(app.get("/api/v1/limits").await.expect(200).json(), @r#"
    {
      "max_alt_characters": 500,
      "max_animation_pixels": 400000000,
      "max_frames": 1000,
      "max_pixels": 40000000,
      "max_side": 16384,
      "max_upload_bytes": 1048576,
      "max_uploader_characters": 100,
      "media_types": [
        {
          "extensions": [
            "jpg",
            "jpeg"
          ],
          "media_type": "image/jpeg"
        },
        {
          "extensions": [
            "png"
          ],
          "media_type": "image/png"
        },
        {
          "extensions": [
            "gif"
          ],
          "media_type": "image/gif"
        },
        {
          "extensions": [
            "webp"
          ],
          "media_type": "image/webp"
        }
      ],
      "public_listing": true,
      "upload_key_required": false,
      "variant_sizes": {
        "medium": 1280,
        "small": 640,
        "thumb": 320
      }
    }
    "#);
}
