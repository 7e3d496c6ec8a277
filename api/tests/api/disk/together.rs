//! Uploads whose names are made durable by one sync of their folder: when it fails, each of them is refused.

use futures_util::future::join_all;

use super::world::{Sent, World, new_key};
use crate::helpers::fixtures::png_of;
use crate::helpers::until;

const UPLOADS: usize = 8;
const SYNC_FAILS: &str = "fails on purpose: copy.rename-fsync\n";

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_share_a_sync_are_refused_together_when_it_fails() {
    let world = World::new().await;
    let held = tempfile::tempdir().unwrap();
    let held = held.path().join("held");
    // The first sync is held up and then goes well; the next one, for all who came meanwhile, fails.
    let failpoints = format!(
        "sync.begins=1*return({});copy.rename-fsync=1*off->1*return(EIO)",
        held.display()
    );
    let running = world.start_with(&[("FAILPOINTS", &failpoints)]);
    let uploads: Vec<_> = (0..=UPLOADS)
        .map(|number| (png_of(1000 + number), new_key()))
        .collect();
    let ((first_bytes, first_key), others) = uploads.split_first().unwrap();

    let first = world.upload(&running, first_bytes, first_key);
    let at_once = async {
        until("the first sync is held up", || async { held.exists() }).await;
        let sent = others
            .iter()
            .map(|(bytes, key)| world.upload(&running, bytes, key));
        let released = async {
            until("all have got their names", || async {
                world.copies().len() == uploads.len()
            })
            .await;
            std::fs::remove_file(&held).unwrap();
        };
        tokio::join!(join_all(sent), released).0
    };
    let (first, at_once) = tokio::join!(first, at_once);

    let mut alive = vec![Sent {
        image: first.unwrap().expect(201).json(),
        bytes: first_bytes.clone(),
    }];
    let mut refused = Vec::new();
    for ((bytes, key), answer) in others.iter().zip(at_once) {
        let answer = answer.unwrap();
        // One may have come a moment too late for the sync that failed. It is whole then.
        if answer.status == 201 {
            alive.push(Sent {
                image: answer.json(),
                bytes: bytes.clone(),
            });
        } else {
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert_eq!(answer.code(), "disk-unavailable");
            refused.push((bytes, key));
        }
    }
    assert!(
        refused.len() > 1,
        "{} shared the sync that failed",
        refused.len()
    );
    assert_eq!(world.log().matches(SYNC_FAILS).count(), 1);
    world.assert_no_temporary_files();
    world.settle(&alive, &[]).await;
    world.check(&running, &alive, &[], 0).await;

    // Nothing of them is in the way of another try, in this process or the next.
    drop(running);
    let running = world.start();
    for (bytes, key) in refused {
        alive.push(world.upload_well(&running, bytes, key).await);
    }
    world.settle(&alive, &[]).await;
    world.check(&running, &alive, &[], 0).await;
}
