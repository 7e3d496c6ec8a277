//! What becomes of a request body that nobody read to its end.
//!
//! The HTTP server reads on and throws away when a handler drops the rest of a chunked body, for as long as
//! the client cares to send. Here the body is kept until the answer has been sent: then the server closes
//! the connection, after a short linger in which the client can still get the answer (RFC 9112, section 9.6).

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

/// A request body, held beside the handler that reads it.
#[derive(Clone)]
pub(super) struct KeptBody(Rc<RefCell<Payload>>);

impl KeptBody {
    /// Keeps the body of this request. `None` when it has none.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        match request.take_payload() {
            Payload::None => None,
            payload => {
                let kept = Self(Rc::new(RefCell::new(payload)));
                request.set_payload(Payload::Stream {
                    payload: Box::pin(kept.clone()),
                });
                Some(kept)
            }
        }
    }
}

impl Stream for KeptBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}
