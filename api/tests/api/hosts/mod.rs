//! Several hosts beside each other on one database and one bucket.
//!
//! `images.rs` and `deleted.rs` run hosts in this process, on both engines. `starts.rs` and `losses.rs` run the
//! executable on MariaDB, as that is what several machines share: `stack.rs` is what is around it, `check.rs` the
//! comparison with the ledger of `durability/`. What one idempotency key does on two hosts is in
//! `images/keys_of_two_hosts.rs`.

#[cfg(feature = "failpoints")]
mod check;
mod deleted;
mod images;
#[cfg(feature = "failpoints")]
mod losses;
#[cfg(feature = "failpoints")]
mod stack;
#[cfg(feature = "failpoints")]
mod starts;
