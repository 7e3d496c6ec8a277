//! What protects the service against abuse.

mod cross_origin;
mod headers;
mod malformed;
mod rate_limits;
mod slow_clients;
