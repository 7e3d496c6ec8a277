//! The login of the database in a secret: TLS, rotations, and everything that can be wrong with it while the
//! executable runs.

mod certificates;
mod failover;
mod found_by_doctor;
mod rotation;
mod start;
mod tls;
mod world;
