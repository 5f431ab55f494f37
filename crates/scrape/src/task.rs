//! One target, scraped on time.
//!
//! Every target has its own moment within the interval, made of its labels, so that targets are
//! spread and stay where they are over a restart. A scrape that takes longer than the interval
//! makes the next one wait for the next moment; none is made up for.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainstay_exposition::{Batch, Cycle, Limits, Metadata, Mutate, Reading, Row, Tally, Times};
use mainstay_series::Labels;
use mainstay_targets::{Job, SampleLabels, Target, format_duration};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::{Client, Url};
use crate::fetch::{Body, Question};
use crate::scraper::Shared;
use crate::sink::{Appended, SinkError};
use crate::state::{ActiveTarget, Health};

/// How far a scrape may be from its moment to be dated at the moment itself, as in Prometheus.
const ALIGN: Duration = Duration::from_millis(2);

/// What the runtime's timer rounds up to: waiting so much less, half of [`ALIGN`] is not lost to it.
const TIMER: Duration = Duration::from_millis(1);

/// How a task is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Run,
    /// The target is gone: its series end now.
    Gone,
    /// Its job changed: its memory goes to whoever scrapes it next.
    HandOver,
    /// The server stops: it will be back.
    Stop,
}

/// What everybody sees of a target.
pub(crate) type State = Arc<Mutex<ActiveTarget>>;

/// A target and what it is scraped with.
pub(crate) struct Task {
    target: Target,
    url: Url,
    labels: SampleLabels,
    reading: Reading,
    question: Question,
    client: Client,
    state: State,
    shared: Arc<Shared>,
    memory: Option<Memory>,
    /// Dates scrapes; `None`: at their own time.
    moments: Option<Moments>,
    limits: LimitsShown,
}

/// The times that a target's scrapes are dated at: an even distance apart as long as scrapes begin
/// near them. Samples at even distances take one bit for their time, others two bytes.
#[derive(Debug, Clone, Copy)]
struct Moments {
    interval_ms: i64,
    last_ms: Option<i64>,
}

impl Moments {
    fn new(interval: Duration) -> Self {
        Self {
            interval_ms: interval.as_millis() as i64,
            last_ms: None,
        }
    }

    /// The time of a scrape that begins at `now_ms`, `late` after it was due. The clock's
    /// milliseconds and those of the delay end at different instants, so that their difference alone
    /// would be a millisecond off now and then; hence the even distance from the scrape before. A
    /// clock that was set, and one that drifts, begin anew.
    fn date(&mut self, now_ms: i64, late: Duration) -> i64 {
        let align_ms = ALIGN.as_millis() as i64;
        if late > ALIGN {
            return now_ms;
        }
        let due_ms = now_ms - late.as_millis() as i64;
        let even_ms = self.last_ms.map(|last_ms| {
            let steps = (due_ms - last_ms + self.interval_ms / 2).div_euclid(self.interval_ms);
            last_ms + steps * self.interval_ms
        });
        let near = even_ms.filter(|even_ms| (now_ms - even_ms).abs() <= align_ms);
        *self.last_ms.insert(near.unwrap_or(due_ms))
    }
}

/// What is told in extra series.
#[derive(Debug, Clone, Copy)]
struct LimitsShown {
    timeout: Duration,
    samples: u64,
}

/// What goes to the blocking thread and back.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    cycle: Cycle,
    batch: Batch,
}

struct Relabel<'a>(&'a SampleLabels);

impl Mutate for Relabel<'_> {
    fn labels(&self, scraped: Labels, empty: &[String]) -> Result<Option<Labels>, String> {
        self.0.of(&scraped, empty)
    }
}

/// What one scrape came to.
struct Outcome {
    tally: Tally,
    /// Empty: it went well.
    error: String,
    /// What the target says of its metrics, where that is other than before.
    metadata: Option<Arc<[Metadata]>>,
}

impl Task {
    pub(crate) fn new(
        job: &Job,
        target: Target,
        state: State,
        shared: Arc<Shared>,
    ) -> Option<Self> {
        let url = Url::parse(&target.url).ok()?;
        let times = Times {
            scrape_ms: 0,
            honor: job.honor_timestamps,
            track: job.track_timestamps_staleness,
        };
        let reading = Reading {
            format: mainstay_exposition::Format::Text,
            times,
            limits: Limits::default(),
            sample_limit: job.limits.samples,
        };
        Some(Self {
            labels: SampleLabels::new(job, target.labels.clone()),
            question: Question::new(job, target.timeout),
            client: Client::new(job.client.clone()),
            moments: (target.interval > 100 * ALIGN).then(|| Moments::new(target.interval)),
            limits: LimitsShown {
                timeout: target.timeout,
                samples: job.limits.samples,
            },
            memory: Some(Memory::default()),
            url,
            reading,
            target,
            state,
            shared,
        })
    }

    /// Takes up where another task for the same target left off.
    pub(crate) fn inherit(&mut self, memory: Memory) {
        self.memory = Some(memory);
    }

    /// Scrapes until it is told to end; its memory, if that is to be handed over. Cancelling it leaves
    /// series without their end.
    pub(crate) async fn run(mut self, mut ending: watch::Receiver<Ending>) -> Option<Memory> {
        let mut at = Instant::now() + self.first_wait();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(at.checked_sub(TIMER).unwrap_or(at)) => {}
                end = ended(&mut ending) => {
                    let memory = self.memory.take()?;
                    match end {
                        Ending::HandOver => return Some(memory),
                        Ending::Gone => end_series(&self.shared, memory, &self.target.url).await,
                        Ending::Run | Ending::Stop => {}
                    }
                    return None;
                }
            }
            tokio::select! {
                () = self.scrape(at) => {}
                // The server stops: what is on its way is not waited for.
                _ = ending.wait_for(|ending| *ending == Ending::Stop) => return None,
            }
            at = next(at, self.target.interval, Instant::now());
        }
    }

    /// Until this target's moment.
    fn first_wait(&self) -> Duration {
        let mut hasher = DefaultHasher::new();
        self.target.labels.as_bytes().hash(&mut hasher);
        self.target.url.hash(&mut hasher);
        self.shared.seed.hash(&mut hasher);
        let now_ms = (self.shared.now_ms)().max(0) as u64;
        wait_ms(hasher.finish(), self.target.interval, now_ms)
    }

    /// One scrape, due at `at`.
    async fn scrape(&mut self, at: Instant) {
        let scrape_ms = self.time_ms(at);
        let began = Instant::now();
        let asked = self
            .question
            .ask(
                &mut self.client,
                &self.url,
                self.target.timeout,
                &self.shared.budget,
            )
            .await;
        let (body, error) = match asked {
            Ok(body) => (Some(body), String::new()),
            Err(error) => (None, error.to_string()),
        };
        let fetched = began.elapsed();
        let memory = self.memory.take().unwrap_or_default();
        let work = Work {
            labels: self.labels.clone(),
            reading: Reading {
                times: Times {
                    scrape_ms,
                    ..self.reading.times
                },
                ..self.reading
            },
            fetched,
            error,
            extra: self.shared.extra_metrics.then_some(self.limits),
            shared: Arc::clone(&self.shared),
        };
        let turn = self.shared.turns.acquire().await;
        let done = tokio::task::spawn_blocking(move || work.run(body, memory)).await;
        drop(turn);
        let outcome = match done {
            Ok((memory, outcome)) => {
                self.memory = Some(memory);
                outcome
            }
            // A panic in there has taken the memory along; the next scrape begins a new one.
            Err(error) => Outcome {
                tally: Tally::default(),
                error: error.to_string(),
                metadata: None,
            },
        };
        self.tell(scrape_ms, began.elapsed(), outcome);
    }

    fn tell(&self, scrape_ms: i64, took: Duration, outcome: Outcome) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !outcome.error.is_empty() && state.last_error != outcome.error {
            tracing::debug!(target = %self.target.url, error = %outcome.error, "scrape failed");
        }
        state.health = if outcome.error.is_empty() {
            Health::Up
        } else {
            Health::Down
        };
        state.last_error = outcome.error;
        state.last_scrape_ms = Some(scrape_ms);
        state.last_duration = took;
        if let Some(metadata) = outcome.metadata {
            state.metadata = metadata;
        }
        (state.samples, state.kept) = (outcome.tally.scraped, outcome.tally.kept);
    }

    /// When a scrape is said to have been: at its moment, where it is near enough.
    fn time_ms(&mut self, at: Instant) -> i64 {
        let now = Instant::now();
        let now_ms = (self.shared.now_ms)();
        match &mut self.moments {
            Some(moments) => moments.date(now_ms, now.saturating_duration_since(at)),
            None => now_ms,
        }
    }
}

/// Waits for the end, and says which it is.
async fn ended(ending: &mut watch::Receiver<Ending>) -> Ending {
    let end = ending.wait_for(|ending| *ending != Ending::Run).await;
    end.map_or(Ending::Stop, |end| *end)
}

/// Ends every series of a target.
pub(crate) async fn end_series(shared: &Arc<Shared>, mut memory: Memory, url: &str) {
    let shared = Arc::clone(shared);
    let now_ms = (shared.now_ms)();
    let ended = tokio::task::spawn_blocking(move || {
        memory.batch.clear();
        memory.cycle.vanish(now_ms, &mut memory.batch);
        memory.cycle.vanish_reports(now_ms, &mut memory.batch);
        store(&shared, &mut memory)
    });
    if let Ok(Err(error)) = ended.await {
        tracing::warn!(target = %url, %error, "the end of a target was not stored");
    }
}

/// One scrape's work off the runtime.
struct Work {
    labels: SampleLabels,
    reading: Reading,
    fetched: Duration,
    error: String,
    extra: Option<LimitsShown>,
    shared: Arc<Shared>,
}

impl Work {
    fn run(mut self, body: Option<Body>, mut memory: Memory) -> (Memory, Outcome) {
        memory.batch.clear();
        let (mut tally, mut body_bytes) = (Tally::default(), 0);
        if let Some(body) = body {
            self.reading.format = body.format;
            match body.unpack() {
                Ok(bytes) => {
                    body_bytes = bytes.len();
                    let mutate = Relabel(&self.labels);
                    let read =
                        memory
                            .cycle
                            .scrape(&bytes, &self.reading, &mutate, &mut memory.batch);
                    tally = read.0;
                    self.error = read
                        .1
                        .err()
                        .map(|error| error.to_string())
                        .unwrap_or_default();
                }
                Err(error) => self.error = error.to_string(),
            }
        }
        let scrape_ms = self.reading.times.scrape_ms;
        if !self.error.is_empty() {
            memory.cycle.vanish(scrape_ms, &mut memory.batch);
        }
        self.report(&mut memory, &tally, body_bytes);
        if let Err(error) = store(&self.shared, &mut memory) {
            self.error = error.to_string();
        }
        self.shared.count(&tally);
        let changed = !memory.batch.metadata.is_empty();
        let metadata = changed.then(|| memory.cycle.metadata().cloned().collect());
        (
            memory,
            Outcome {
                tally,
                error: self.error,
                metadata,
            },
        )
    }

    /// The series about the scrape itself.
    fn report(&self, memory: &mut Memory, tally: &Tally, body_bytes: usize) {
        let up = if self.error.is_empty() { 1.0 } else { 0.0 };
        let mut put = |name: &'static str, value: f64| {
            let labels = || self.labels.of_report(name);
            let time_ms = self.reading.times.scrape_ms;
            memory
                .cycle
                .report(name, time_ms, value, labels, &mut memory.batch);
        };
        put("up", up);
        put("scrape_duration_seconds", self.fetched.as_secs_f64());
        put("scrape_samples_scraped", tally.scraped as f64);
        put("scrape_samples_post_metric_relabeling", tally.kept as f64);
        put("scrape_series_added", tally.added as f64);
        if let Some(limits) = self.extra {
            put("scrape_timeout_seconds", limits.timeout.as_secs_f64());
            put("scrape_sample_limit", limits.samples as f64);
            put(
                "scrape_body_size_bytes",
                if up > 0.0 { body_bytes as f64 } else { -1.0 },
            );
        }
    }
}

/// Hands the batch to the sink, and what it has forgotten once more.
fn store(shared: &Shared, memory: &mut Memory) -> Result<(), SinkError> {
    let Appended { forgotten, .. } = append(shared, &mut memory.batch)?;
    memory.cycle.stored(&memory.batch);
    if forgotten.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row> = forgotten
        .iter()
        .filter_map(|row| memory.batch.rows.get(*row as usize).copied())
        .collect();
    let mut again = memory.cycle.again(rows);
    append(shared, &mut again)?;
    memory.cycle.stored(&again);
    Ok(())
}

fn append(shared: &Shared, batch: &mut Batch) -> Result<Appended, SinkError> {
    if batch.is_empty() {
        return Ok(Appended::default());
    }
    let appended = shared.sink.append(batch)?;
    shared.count_refused(&appended);
    Ok(appended)
}

/// The next moment that is not past.
fn next(at: Instant, interval: Duration, now: Instant) -> Instant {
    let behind = now.saturating_duration_since(at).as_nanos() / interval.as_nanos().max(1);
    at + interval * (u32::try_from(behind).unwrap_or(u32::MAX - 1) + 1)
}

/// From now until a target's moment within the interval.
fn wait_ms(hash: u64, interval: Duration, now_ms: u64) -> Duration {
    let interval = (interval.as_millis() as u64).max(1);
    let (offset, now) = (hash % interval, now_ms % interval);
    Duration::from_millis((offset + interval - now) % interval)
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let interval = format_duration(self.target.interval);
        write!(f, "Task({} every {interval})", self.target.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_keeps_its_moment() {
        let interval = Duration::from_secs(15);
        for now in [0, 1, 14_999, 15_000, 1_700_000_000_123] {
            let wait = wait_ms(40_007, interval, now).as_millis() as u64;
            assert!(wait < 15_000);
            assert_eq!((now + wait) % 15_000, 40_007 % 15_000);
        }
    }

    #[test]
    fn scrapes_that_begin_near_their_moments_are_evenly_apart() {
        let mut moments = Moments::new(Duration::from_secs(1));
        let mut date = |now_ms, late_us| moments.date(now_ms, Duration::from_micros(late_us));
        // Due at 1000.9, 2000.9, ...: the clock's millisecond has gone by, the delay's has not.
        assert_eq!(date(1_000, 50), 1_000);
        assert_eq!(date(2_001, 200), 2_000, "not 2001");
        assert_eq!(date(3_001, 1_050), 3_000);
        assert_eq!(
            date(4_009, 8_000),
            4_009,
            "too late to be dated at the moment"
        );
        assert_eq!(date(5_000, 50), 5_000);
        assert_eq!(date(8_001, 200), 8_000, "two were left out");
        // The clock was set.
        assert_eq!(date(9_500, 100), 9_500);
        assert_eq!(date(10_501, 900), 10_500);
        assert_eq!(date(400, 100), 400);
    }

    #[test]
    fn a_clock_that_drifts_begins_anew_now_and_then() {
        let mut moments = Moments::new(Duration::from_secs(1));
        let dates: Vec<i64> = (0..40)
            .map(|round| moments.date(round * 1_000 + round / 8, Duration::from_micros(100)))
            .collect();
        let uneven = dates.windows(2).filter(|two| two[1] - two[0] != 1_000);
        assert_eq!(uneven.count(), 1, "{dates:?}");
    }

    #[test]
    fn a_moment_that_was_missed_is_not_made_up_for() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(next(start, second, start + second / 2), start + second);
        assert_eq!(
            next(start, second, start + second * 5 / 2),
            start + second * 3
        );
    }
}
