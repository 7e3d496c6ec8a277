//! A bound on the uploads that are received at the same time, and so on the memory that they take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::Client;
use crate::config::UploadRoom;
use crate::routes::{ApiError, ErrorCode};

/// Most uploads take less than this, so there will be room.
const RETRY_AFTER_SECONDS: u32 = 2;

/// The room for uploads. One client may take seven eighths of it: the rest is kept for others, however slowly
/// that one sends.
pub(super) struct UploadsInFlight {
    room: UploadRoom,
    taken: Arc<Mutex<Taken>>,
}

/// What is taken of the room, in the unit of [`UploadRoom`].
#[derive(Default)]
struct Taken {
    by_all: u64,
    by_client: HashMap<Client, u64>,
}

impl UploadsInFlight {
    pub(super) fn new(room: UploadRoom) -> Self {
        let taken = Arc::default();
        Self { room, taken }
    }

    /// Takes room for an upload of so many bytes (`None`: the client does not say), or refuses at once: who
    /// waited would wait with a connection and a started body.
    pub(super) fn enter(
        &self,
        client: Client,
        length: Option<u64>,
    ) -> Result<UploadPlace, ApiError> {
        let size = self.room.of_upload(length);
        let all = self.room.all();
        // At least one upload, whatever its size.
        let share = (all - (all / 8).max(1)).max(size);
        let mut taken = lock(&self.taken);
        let by_client = taken.by_client.get(&client).copied().unwrap_or_default();
        let is_first = taken.by_all == 0;
        if !is_first && (taken.by_all + size > all || by_client + size > share) {
            return Err(ApiError::plain(ErrorCode::UploadsBusy).retry_after(RETRY_AFTER_SECONDS));
        }
        taken.by_all += size;
        taken.by_client.insert(client, by_client + size);
        Ok(UploadPlace {
            client,
            size,
            taken: Arc::clone(&self.taken),
        })
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of one upload. It is free again when this is dropped, and so has to be kept for as long as the bytes are
/// in memory, also when the client goes away while they are still written.
pub(in crate::routes) struct UploadPlace {
    client: Client,
    size: u64,
    taken: Arc<Mutex<Taken>>,
}

impl Drop for UploadPlace {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.by_all -= self.size;
        if let Some(by_client) = taken.by_client.get_mut(&self.client) {
            *by_client -= self.size;
            // Or the table would remember everybody who ever uploaded.
            if *by_client == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn client(number: u8) -> Client {
        IpAddr::from([192, 0, 2, number]).into()
    }

    fn uploads(places: u64) -> UploadsInFlight {
        UploadsInFlight::new(UploadRoom::Places(places))
    }

    fn is_busy(uploads: &UploadsInFlight, client: Client) -> bool {
        let entered = uploads.enter(client, Some(1));
        entered.is_err_and(|error| error.code == ErrorCode::UploadsBusy)
    }

    #[test]
    fn a_place_is_taken_until_it_is_dropped() {
        let uploads = uploads(1);
        let place = uploads.enter(client(1), None).unwrap();
        assert!(is_busy(&uploads, client(2)));
        drop(place);
        assert!(!is_busy(&uploads, client(2)));
        assert!(lock(&uploads.taken).by_client.is_empty());
    }

    #[test]
    fn one_client_leaves_an_eighth_to_others() {
        let uploads = uploads(16);
        let places: Vec<_> = (0..14)
            .map(|_| uploads.enter(client(1), None).unwrap())
            .collect();
        assert!(is_busy(&uploads, client(1)));
        let others = [
            uploads.enter(client(2), None),
            uploads.enter(client(3), None),
        ];
        assert!(others.iter().all(Result::is_ok));
        assert!(is_busy(&uploads, client(4)), "all is taken");
        drop(places);
        assert!(!is_busy(&uploads, client(1)));
    }

    #[test]
    fn one_client_leaves_a_place_to_others_however_few_there_are() {
        let uploads = uploads(2);
        let place = uploads.enter(client(1), None).unwrap();
        assert!(is_busy(&uploads, client(1)));
        assert!(!is_busy(&uploads, client(2)));
        drop(place);
    }

    #[test]
    fn small_uploads_take_less_room_than_large_ones_and_the_largest_always_fits_alone() {
        let uploads = UploadsInFlight::new(UploadRoom::Bytes {
            all: 1_000_000,
            largest: 2_000_000,
            beside: 100_000,
        });
        let large = uploads.enter(client(1), None).unwrap();
        assert!(is_busy(&uploads, client(2)));
        drop(large);
        let small: Vec<_> = (0..4)
            .map(|number| uploads.enter(client(number), Some(150_000)).unwrap())
            .collect();
        assert!(uploads.enter(client(5), Some(150_000)).is_err());
        drop(small);
        assert!(uploads.enter(client(5), Some(150_000)).is_ok());
    }
}
