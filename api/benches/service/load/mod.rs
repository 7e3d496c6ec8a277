//! A load: so many clients, each on a connection that is kept alive, each sending its next request when the
//! answer to the last one is there.
//!
//! It shares the machine with what it measures, so it takes little of it: one thread, requests that were written out
//! before, bodies that are read and forgotten. Every status and every length is compared all the same.

mod connection;
mod request;
mod response;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use connection::{Body, Connection};
pub(crate) use request::{Expected, Request};

/// What the clients do.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) clients: usize,
    /// They take these in turn.
    pub(crate) requests: Rc<[Request]>,
    pub(crate) until: Until,
}

/// When the clients send no further requests. What is under way is waited for, and counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// This much time has passed.
    After(Duration),
    /// Each request has been sent once.
    AllSent,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Of each answer, in no order.
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    /// Carries it out. Has to run on a runtime of one thread, within a `LocalSet`.
    pub(crate) async fn run(&self) -> anyhow::Result<Done> {
        let next = Rc::new(Cell::new(0));
        let mut connections = Vec::new();
        for _ in 0..self.clients {
            connections.push(Connection::open(self.address).await?);
        }
        let began = Instant::now();
        let mut clients = JoinSet::new();
        for connection in connections {
            let (load, next) = (self.clone(), Rc::clone(&next));
            clients.spawn_local(async move { load.client(connection, &next, began).await });
        }
        let mut done = Done::default();
        while let Some(client) = clients.join_next().await {
            done.latencies.extend(client.context("a client panicked")??);
        }
        done.took = began.elapsed();
        Ok(done)
    }

    async fn client(
        &self,
        mut connection: Connection,
        next: &Cell<usize>,
        began: Instant,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        loop {
            let turn = next.get();
            let is_over = match self.until {
                Until::After(length) => began.elapsed() >= length,
                Until::AllSent => turn >= self.requests.len(),
            };
            if is_over {
                return Ok(latencies);
            }
            next.set(turn + 1);
            let request = &self.requests[turn % self.requests.len()];
            let sent = Instant::now();
            connection.exchange(request, Body::ThrowAway).await?;
            latencies.push(sent.elapsed());
        }
    }
}

/// Sends one request on a connection of its own and gives the body.
pub(crate) async fn ask(address: SocketAddr, request: &Request) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut connection = Connection::open(address).await?;
    connection.exchange(request, Body::Keep(&mut body)).await?;
    Ok(body)
}

/// Sends one request on a connection of its own and gives the head of the answer as it came.
pub(crate) async fn head_of(address: SocketAddr, request: &Request) -> anyhow::Result<String> {
    let mut connection = Connection::open(address).await?;
    connection.exchange(request, Body::ThrowAway).await?;
    Ok(connection.last_head())
}
