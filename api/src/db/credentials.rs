//! The login of a MySQL server that is kept in a secret and may change while the service runs.
//!
//! It is read once, and again when the server refuses it or cannot be reached: by one connection for all, and not
//! again before a pause is over.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::{Opts, SslOpts};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::PrepareError;
use super::connection::{finished, tls};
use super::login::{InvalidLogin, MysqlLogin};
use crate::aws::{SecretArn, SecretError, SecretReader};

/// How soon the secret may be read again.
const PAUSE: Duration = Duration::from_secs(5);

/// Why there is no login. In one line, and without anything that the secret holds but the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginUnknown {
    /// The secret was not to be had.
    #[error("the secret cannot be read: {0}")]
    Unreadable(#[from] SecretError),
    /// The secret is no login.
    #[error("{0}")]
    Invalid(#[from] InvalidLogin),
    /// The password would leave this host, and nothing says which server may have it.
    #[error(
        "the server {host} is not on this host, so DATABASE_CA has to name the CA certificates that it is known by"
    )]
    CaMissing {
        /// The server.
        host: String,
    },
}

/// A login that was read from the secret.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) options: Opts,
    login: MysqlLogin,
    /// How many others there were before it.
    edition: u64,
    /// Since when its server and database are known. Connections from before may lead to others.
    leads_here_since: Instant,
}

/// Keeps the login, and reads it again.
pub(super) struct Credentials {
    source: Arc<Source>,
    /// Seen by everybody at once, also while the secret is read.
    known: Arc<watch::Sender<Option<Known>>>,
    /// Held while the secret is read.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    looked: Option<Look>,
}

/// The last look at the secret.
struct Look {
    ended: Instant,
    failure: Option<LoginUnknown>,
}

struct Source {
    reader: SecretReader,
    tls: Option<SslOpts>,
}

/// Reads the login that the secret holds at this moment, for whoever needs it once.
///
/// # Errors
/// [`LoginUnknown`].
pub async fn read_login(secret: &SecretArn, ca: Option<&Path>) -> Result<MysqlLogin, LoginUnknown> {
    let login = MysqlLogin::from_secret(&SecretReader::new(secret.clone()).read().await?)?;
    usable(login, ca.is_some())
}

fn usable(login: MysqlLogin, has_ca: bool) -> Result<MysqlLogin, LoginUnknown> {
    if has_ca || login.is_on_this_host() {
        return Ok(login);
    }
    Err(LoginUnknown::CaMissing { host: login.host })
}

impl Credentials {
    /// Reads the CA file and nothing else.
    pub(super) fn prepare(secret: &SecretArn, ca: Option<&Path>) -> Result<Self, PrepareError> {
        Ok(Self {
            source: Arc::new(Source {
                reader: SecretReader::new(secret.clone()),
                tls: ca.map(tls).transpose()?,
            }),
            known: Arc::new(watch::Sender::new(None)),
            state: Arc::default(),
        })
    }

    /// Whether a connection of this moment leads to the server and the database that are known by now.
    pub(super) fn leads_to(&self, made: Instant) -> bool {
        let known = self.known.borrow();
        known
            .as_ref()
            .is_none_or(|known| made >= known.leads_here_since)
    }

    /// The login as far as it is known. The first caller reads it.
    pub(super) async fn current(&self) -> Result<Known, LoginUnknown> {
        if let Some(known) = self.known.borrow().clone() {
            return Ok(known);
        }
        let state = Arc::clone(&self.state).lock_owned().await;
        if let Some(known) = self.known.borrow().clone() {
            return Ok(known);
        }
        match &state.looked {
            Some(Look {
                ended,
                failure: Some(failure),
            }) if ended.elapsed() < PAUSE => Err(failure.clone()),
            _ => self.read(state).await,
        }
    }

    /// Another login than this one, if the secret has one. It is not read when that was done a moment ago.
    pub(super) async fn other_than(&self, tried: &Known) -> Option<Known> {
        let is_other = |known: &Known| known.edition != tried.edition;
        let state = Arc::clone(&self.state).lock_owned().await;
        if let Some(known) = self.known.borrow().clone().filter(is_other) {
            return Some(known);
        }
        let looked = state.looked.as_ref();
        if looked.is_some_and(|look| look.ended.elapsed() < PAUSE) {
            return None;
        }
        self.read(state).await.ok().filter(is_other)
    }

    /// Reads the secret on a task of its own: whoever waits for a connection may give up sooner, and the next one
    /// shall find what was read.
    async fn read(&self, mut state: OwnedMutexGuard<State>) -> Result<Known, LoginUnknown> {
        let source = Arc::clone(&self.source);
        let known = Arc::clone(&self.known);
        let reading = tokio::spawn(async move {
            let read = source.login().await;
            state.note(&source, &known, read)
        });
        reading.await.unwrap_or_else(|stopped| {
            Err(SecretError::Away(format!("the read was stopped: {stopped}")).into())
        })
    }
}

impl Source {
    async fn login(&self) -> Result<MysqlLogin, LoginUnknown> {
        let login = MysqlLogin::from_secret(&self.reader.read().await?)?;
        usable(login, self.tls.is_some())
    }
}

impl State {
    /// Keeps what was read. A login that was known stays when no other is found. What is new is said once.
    fn note(
        &mut self,
        source: &Source,
        known: &watch::Sender<Option<Known>>,
        read: Result<MysqlLogin, LoginUnknown>,
    ) -> Result<Known, LoginUnknown> {
        let before = self.looked.take().and_then(|look| look.failure);
        if let Err(failure) = &read
            && before.as_ref() != Some(failure)
        {
            log::warn!("DATABASE_SECRET_ARN: {failure}");
        }
        self.looked = Some(Look {
            ended: Instant::now(),
            failure: read.as_ref().err().cloned(),
        });
        let login = read?;
        let earlier = known.borrow().clone();
        if let Some(earlier) = earlier.as_ref().filter(|known| known.login == login) {
            return Ok(earlier.clone());
        }
        log::info!("a new login of the database was read from its secret: {login:?}");
        let same_place = earlier
            .as_ref()
            .filter(|known| known.login.is_in_the_place_of(&login));
        let new = Known {
            options: finished(login.options(), source.tls.clone()),
            edition: earlier.as_ref().map_or(0, |known| known.edition + 1),
            leads_here_since: same_place.map_or_else(Instant::now, |known| known.leads_here_since),
            login,
        };
        known.send_replace(Some(new.clone()));
        Ok(new)
    }
}
