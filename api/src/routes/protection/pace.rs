//! How fast a body has to arrive: in all within a deadline, and never slower than a least speed. Timeouts
//! between two reads would not do: one byte now and then meets them for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use crate::config::UploadPace;

pin_project! {
    /// A body that ends with an error of the kind [`io::ErrorKind::TimedOut`] when it is too slow.
    pub(in crate::routes) struct Paced<S> {
        #[pin]
        body: S,
        pace: UploadPace,
        #[pin]
        deadline: Sleep,
        #[pin]
        window: Sleep,
        received_in_window: u64,
    }
}

impl<S> Paced<S> {
    /// The time runs from now on.
    pub(in crate::routes) fn new(body: S, pace: UploadPace) -> Self {
        Self {
            body,
            pace,
            deadline: sleep(pace.deadline),
            window: sleep(pace.window),
            received_in_window: 0,
        }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>>> Stream for Paced<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let too_slow = || {
            let error = io::Error::from(io::ErrorKind::TimedOut);
            Poll::Ready(Some(Err(PayloadError::Io(error))))
        };
        if this.deadline.poll(context).is_ready() {
            return too_slow();
        }
        if let Poll::Ready(item) = this.body.poll_next(context) {
            if let Some(Ok(chunk)) = &item {
                *this.received_in_window += chunk.len() as u64;
            }
            return Poll::Ready(item);
        }
        loop {
            ready!(this.window.as_mut().poll(context));
            let least =
                u128::from(this.pace.min_bytes_per_second) * this.pace.window.as_millis() / 1000;
            if u128::from(*this.received_in_window) < least {
                return too_slow();
            }
            *this.received_in_window = 0;
            this.window
                .as_mut()
                .reset(Instant::now() + this.pace.window);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    const PACE: UploadPace = UploadPace {
        deadline: Duration::from_mins(1),
        min_bytes_per_second: 10,
        window: Duration::from_secs(2),
    };

    /// A body that brings so many bytes after so many seconds each, and then ends. Gives how many came, and
    /// whether that was fast enough.
    async fn receive(parts: &[(u64, usize)]) -> (usize, bool) {
        let parts = stream::iter(parts.to_vec()).then(|(seconds, bytes)| async move {
            sleep(Duration::from_secs(seconds)).await;
            Ok(Bytes::from(vec![0; bytes]))
        });
        let mut body = std::pin::pin!(Paced::new(parts, PACE));
        let mut received = 0;
        while let Some(part) = body.next().await {
            match part {
                Ok(bytes) => received += bytes.len(),
                Err(PayloadError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    return (received, false);
                }
                Err(error) => panic!("{error}"),
            }
        }
        (received, true)
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_speed_is_fast_enough_window_after_window() {
        assert_eq!(receive(&[(1, 10); 20]).await, (200, true));
        // Just below it.
        assert_eq!(receive(&[(1, 9); 20]).await, (18, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_does_not_pay_for_a_stall() {
        assert_eq!(
            receive(&[(0, 1_000_000), (10, 10)]).await,
            (1_000_000, false)
        );
        assert_eq!(receive(&[(1, 1_000_000), (3, 1)]).await, (1_000_001, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_body_without_an_end_meets_the_deadline() {
        let (received, in_time) = receive(&[(1, 1000); 100]).await;
        assert!(!in_time);
        assert_eq!(received, 59_000);
    }
}
