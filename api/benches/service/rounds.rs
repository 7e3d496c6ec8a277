//! Sides of a comparison that take turns, so that whatever else the machine does meets them alike.

use std::time::Duration;

use crate::floor::Floor;
use crate::load::{Done, Load, Until};
use crate::owed;
use crate::resources;
use crate::statistics::{Summary, percentile};

/// Who has a turn.
pub(crate) struct Side<'run> {
    pub(crate) name: &'static str,
    pub(crate) work: Work<'run>,
    /// The processes whose time on the processors is counted.
    pub(crate) pids: Vec<u32>,
}

/// What is done in a turn.
pub(crate) enum Work<'run> {
    Load {
        load: Load,
        /// Whether it is over only when the service owes nothing any more of what it answered.
        settles: bool,
    },
    Floor {
        floor: &'run mut Floor,
        workers: usize,
    },
}

/// What came of all turns of a side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    pub(crate) per_second: Vec<f64>,
    pub(crate) p50_ms: Vec<f64>,
    pub(crate) p99_ms: Vec<f64>,
    pub(crate) cpu_ms: Vec<f64>,
}

/// The same in short.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Figures {
    pub(crate) per_second: Summary,
    pub(crate) p50_ms: Summary,
    pub(crate) p99_ms: Summary,
    /// Time on the processors for each request. `None`: nobody's is counted.
    pub(crate) cpu_ms: Option<Summary>,
}

impl Turns {
    pub(crate) fn note(&mut self, done: &Done, cpu: Option<Duration>) {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let count = done.latencies.len() as f64;
        self.per_second.push(count / done.took.as_secs_f64());
        for (into, share) in [(&mut self.p50_ms, 0.5), (&mut self.p99_ms, 0.99)] {
            let latency = percentile(&done.latencies, share);
            into.extend(latency.map(milliseconds));
        }
        self.cpu_ms.extend(
            cpu.filter(|_| count > 0.0)
                .map(|cpu| milliseconds(cpu) / count),
        );
    }

    /// `None` when there was no turn.
    pub(crate) fn figures(&self) -> Option<Figures> {
        Some(Figures {
            per_second: Summary::of(&self.per_second)?,
            p50_ms: Summary::of(&self.p50_ms)?,
            p99_ms: Summary::of(&self.p99_ms)?,
            cpu_ms: Summary::of(&self.cpu_ms),
        })
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Side<'_> {
    /// Has one turn of this length, and gives what it took on the processors.
    pub(crate) async fn turn(
        &mut self,
        length: Duration,
    ) -> anyhow::Result<(Done, Option<Duration>)> {
        let before = resources::cpu_time(&self.pids)?;
        let done = match &mut self.work {
            Work::Load { load, settles } => {
                if let Until::After(until) = &mut load.until {
                    *until = length;
                }
                let mut done = load.run().await?;
                if *settles {
                    done.took += owed::wait(load.address).await?;
                }
                done
            }
            Work::Floor { floor, workers } => floor.run(*workers, length)?,
        };
        let cpu = resources::cpu_time(&self.pids)?.saturating_sub(before);
        Ok((done, (!self.pids.is_empty()).then_some(cpu)))
    }
}

/// Lets the sides have their turns: first a short one each that is not counted, then A B A B.
/// `after` is called after each turn with the side's place.
pub(crate) async fn in_turns(
    sides: &mut [Side<'_>],
    rounds: usize,
    length: Duration,
    mut after: impl AsyncFnMut(usize, &mut Side<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Turns>> {
    let mut turns = vec![Turns::default(); sides.len()];
    for round in 0..=rounds {
        for (place, side) in sides.iter_mut().enumerate() {
            let is_warm_up = round == 0;
            let length = if is_warm_up { length / 4 } else { length };
            let (done, cpu) = side.turn(length).await?;
            after(place, side).await?;
            if !is_warm_up {
                turns[place].note(&done, cpu);
            }
        }
    }
    Ok(turns)
}
