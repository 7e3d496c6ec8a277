//! The database: from the name of its host to what may be written into its tables.

mod file;
mod secret;
mod server;

use std::path::Path;

use super::Check;
use crate::db::{DbConfig, Denied, MigrationState, MysqlAccess};

const GROUP: &str = "database";

/// Looks at the database, whose records are of the images in `uploads`.
pub(super) async fn examine(config: &DbConfig, uploads: &Path) -> Vec<Check> {
    match config {
        DbConfig::Sqlite { path } => file::examine(path, uploads).await,
        DbConfig::Mysql { url, ca } => server::examine(MysqlAccess::Url(url), ca.as_deref()).await,
        DbConfig::MysqlBySecret { secret, ca } => secret::examine(secret, ca.as_deref()).await,
    }
}

fn judge_migrations(state: &MigrationState) -> Check {
    if let Some(newest) = state.unknown.last() {
        return Check::failure(
            GROUP,
            "migrations",
            format!(
                "the tables are newer than this program: it does not know {newest} ({} in all)",
                state.unknown.len()
            ),
            format!(
                "install the version of image-handler that made them; this one is {}",
                env!("CARGO_PKG_VERSION")
            ),
        );
    }
    if let Some(first) = state.pending.first() {
        return Check::warning(
            GROUP,
            "migrations",
            format!("{} are to be run, from {first} on", state.pending.len()),
            "image-handler migrate (or start the service, which does the same)",
        );
    }
    Check::ok(GROUP, "migrations", format!("all {} have run", state.done))
}

/// `grant` says what gives privileges that are missing, `open` what mends a database that takes no writes at all.
fn privileges(denied: &[Denied], grant: impl Fn(&str) -> String, open: &str) -> Check {
    let Some(first) = denied.first() else {
        return Check::ok(
            GROUP,
            "privileges",
            "rows were written, read and changed, and rolled back",
        );
    };
    let advice = if first.reason.contains("denied") {
        let mut privileges: Vec<&str> = denied.iter().map(|each| each.privilege).collect();
        privileges.sort_unstable();
        privileges.dedup();
        grant(&privileges.join(", "))
    } else if first.reason.contains("read-only") || first.reason.contains("readonly") {
        open.to_owned()
    } else {
        "see the log of the database: it took the login, but not what the service writes".to_owned()
    };
    let detail = format!(
        "{} on {} is refused: {}",
        first.privilege, first.table, first.reason
    );
    Check::failure(GROUP, "privileges", detail, advice)
}
