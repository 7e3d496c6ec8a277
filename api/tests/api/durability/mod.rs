//! Nothing acknowledged is ever lost: the executable under load, killed, cut off from power, S3 and its database,
//! and afterwards compared with a ledger that was kept outside.
//!
//! `world.rs` is what is tested with all that is around it, `load.rs` the clients, `ledger.rs` what they write
//! down, `check.rs` the comparison. `breakages.rs` shows that the comparison notices what it has to notice.
//!
//! In the usual run this takes about a minute and a half. `TORTURE=long` (`make torture`) makes it 1,000 kills,
//! 100 power cuts and every outage ten times. `TORTURE_SEED` is where contents and moments begin; it is printed
//! with the figures.

mod alone;
mod breakages;
mod check;
mod content;
mod disk;
mod kills;
pub(crate) mod ledger;
pub(crate) mod load;
mod outages;
mod power_cuts;
mod world;

/// Whether this is the long form.
fn is_long() -> bool {
    std::env::var("TORTURE").is_ok_and(|form| form == "long")
}

/// Where contents and moments begin.
pub(crate) fn seed() -> u64 {
    const USUAL: u64 = 4;
    std::env::var("TORTURE_SEED").map_or(USUAL, |seed| {
        seed.parse().expect("TORTURE_SEED is a number")
    })
}
