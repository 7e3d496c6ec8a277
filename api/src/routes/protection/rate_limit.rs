//! A token bucket for each client (as GCRA, the generic cell rate algorithm), and the fields that tell clients
//! how full theirs is.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::client::Client;
use crate::config::Rate;
use crate::routes::{ApiError, ErrorCode};

/// How many clients are remembered for one limit: together about 3 MiB. A client whose bucket is full again
/// needs no memory.
const MAX_CLIENTS: usize = 50_000;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Buckets<C> = RateLimiter<Client, HashMapStateStore<Client>, C, StateInformationMiddleware>;

/// The limit of one kind of request, and what each client has used up of it.
pub(super) struct RateLimit<C: Clock = MonotonicClock> {
    name: &'static str,
    rate: Rate,
    clock: C,
    buckets: RwLock<Buckets<C>>,
}

impl RateLimit {
    pub(super) fn new(name: &'static str, rate: Rate) -> Self {
        Self::with_clock(name, rate, MonotonicClock)
    }
}

impl<C: Clock + Clone> RateLimit<C> {
    fn with_clock(name: &'static str, rate: Rate, clock: C) -> Self {
        Self {
            name,
            rate,
            buckets: RwLock::new(buckets(rate, clock.clone())),
            clock,
        }
    }

    /// Takes a token from the client's bucket, if there is one.
    pub(super) fn count(&self, client: Client) -> Usage {
        let shared = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        let checked = shared.check_key(&client);
        let is_full = shared.len() > MAX_CLIENTS;
        drop(shared);
        if is_full {
            self.make_room();
        }
        let (remaining, refused_for) = match checked {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(self.clock.now()))),
        };
        Usage {
            name: self.name,
            rate: self.rate,
            remaining,
            refused_for,
        }
    }

    /// Forgets clients whose buckets are full again. When most are not, requests come from more addresses than can
    /// be remembered, and limits for each address cannot help; then all are forgotten rather than strangers refused.
    fn make_room(&self) {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() <= MAX_CLIENTS {
            return;
        }
        buckets.retain_recent();
        if buckets.len() > MAX_CLIENTS / 2 {
            *buckets = self::buckets(self.rate, self.clock.clone());
        }
    }
}

fn buckets<C: Clock>(rate: Rate, clock: C) -> Buckets<C> {
    let one_each = rate.period / rate.requests.get();
    // Only a period of no time at all makes no quota.
    let quota = Quota::with_period(one_each).unwrap_or_else(|| Quota::per_second(rate.requests));
    RateLimiter::hashmap_with_clock(quota.allow_burst(rate.requests), clock).with_middleware()
}

/// How a client stands after a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    name: &'static str,
    rate: Rate,
    remaining: u32,
    /// How long until the next request is taken. `None`: this one was.
    refused_for: Option<Duration>,
}

impl Usage {
    /// The error, if the request was one too many.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        let seconds = whole_seconds(self.refused_for?);
        let (requests, period) = (self.rate.requests, self.rate.period.as_secs());
        let detail = format!(
            "Too many requests came from this address: at most {requests} {} in {period} seconds are taken. Try again \
             in {seconds} seconds.",
            self.name
        );
        Some(ApiError::new(ErrorCode::RateLimited, detail).retry_after(seconds))
    }

    /// Writes the fields of draft-ietf-httpapi-ratelimit-headers-10: the quota and its window, what remains, and
    /// when the quota is whole again (after a refusal: when the next request is taken).
    pub(super) fn write_to(&self, headers: &mut HeaderMap) {
        let Self {
            name,
            rate,
            remaining,
            ..
        } = self;
        let used = rate.requests.get().saturating_sub(*remaining);
        let reset = self
            .refused_for
            .unwrap_or_else(|| rate.period / rate.requests.get() * used);
        let policy = format!("\"{name}\";q={};w={}", rate.requests, rate.period.as_secs());
        let state = format!("\"{name}\";r={remaining};t={}", whole_seconds(reset));
        for (field, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(field, value);
            }
        }
    }
}

/// Rounded up: who waits that long has waited long enough.
fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn three_a_minute() -> (RateLimit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let rate = Rate {
            requests: NonZeroU32::new(3).unwrap(),
            period: Duration::from_mins(1),
        };
        (RateLimit::with_clock("uploads", rate, clock.clone()), clock)
    }

    fn client(number: u32) -> Client {
        IpAddr::V4(Ipv4Addr::from_bits(number)).into()
    }

    fn fields(usage: &Usage) -> (String, String) {
        let mut headers = HeaderMap::new();
        usage.write_to(&mut headers);
        let field = |name: HeaderName| headers.get(name).unwrap().to_str().unwrap().to_owned();
        (field(RATE_LIMIT_POLICY), field(RATE_LIMIT))
    }

    #[test]
    fn a_bucket_empties_at_once_and_fills_one_by_one() {
        let (limit, clock) = three_a_minute();
        for expected in [
            "\"uploads\";r=2;t=20",
            "\"uploads\";r=1;t=40",
            "\"uploads\";r=0;t=60",
        ] {
            let usage = limit.count(client(1));
            assert!(usage.refusal().is_none());
            assert_eq!(
                fields(&usage),
                ("\"uploads\";q=3;w=60".to_owned(), expected.to_owned())
            );
        }
        clock.advance(Duration::from_millis(500));
        let usage = limit.count(client(1));
        let error = usage.refusal().unwrap();
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert_eq!(
            error.response("id").headers().get("retry-after").unwrap(),
            "20"
        );
        assert_eq!(fields(&usage).1, "\"uploads\";r=0;t=20");
        assert!(
            limit.count(client(2)).refusal().is_none(),
            "another client has its own"
        );

        clock.advance(Duration::from_secs(20));
        assert!(limit.count(client(1)).refusal().is_none());
        assert!(limit.count(client(1)).refusal().is_some());
    }

    #[test]
    fn a_flood_from_many_addresses_does_not_fill_the_memory() {
        let (limit, clock) = three_a_minute();
        let remembered = || limit.buckets.read().unwrap().len();
        let most = u32::try_from(MAX_CLIENTS).unwrap();
        for number in 0..most {
            limit.count(client(number));
        }
        assert_eq!(remembered(), MAX_CLIENTS);
        // None of them is idle: all are forgotten.
        limit.count(client(most));
        assert_eq!(remembered(), 0);

        // Idle clients go, the busy ones stay counted.
        for number in 0..most - 1 {
            limit.count(client(number));
        }
        clock.advance(Duration::from_mins(2));
        for _ in 0..3 {
            limit.count(client(most));
        }
        limit.count(client(most + 1));
        assert_eq!(remembered(), 2);
        assert!(limit.count(client(most)).refusal().is_some());
    }
}
