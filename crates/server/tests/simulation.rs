//! Seeded simulation of the production driver over real journal rows.
//!
//! Each schedule is one rollout in a world of its own: a fake target, proxy and hooks in virtual
//! time, where instances start late, crash, hang or fall ill; actions are lost, doubled, slow, or
//! done with their answer lost; the proxy is away; people pause, resume and abort; and the control
//! plane dies between any two steps and recovers from the journal. The laws (`law.rs`) are checked
//! at every change of the world, and at the end.
//!
//! | variable | |
//! |---|---|
//! | `MAINSTAY_SIM_SCHEDULES` | how many; default 100 000: about a minute on two idle cores |
//! | `MAINSTAY_SIM_SEED` | the first seed; default 1 |
//!
//! A single schedule prints everything that happens. A failing one prints the command that
//! replays it.

// The report of a run is its output.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

#[path = "simulation/law.rs"]
mod law;
#[path = "simulation/machine.rs"]
mod machine;
#[path = "simulation/play.rs"]
mod play;
#[path = "simulation/proxy.rs"]
mod proxy;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/scenario.rs"]
mod scenario;
#[path = "simulation/tally.rs"]
mod tally;

use mainstay_journal::Journal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;
use tally::Tally;

const THREADS: usize = 2;
/// Schedules that share a journal; its chain is verified at their end.
const BATCH: u64 = 250;

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else {
        return default;
    };
    let number = text.parse();
    number.unwrap_or_else(|_| panic!("{name}={text} is not a number"))
}

#[test]
fn every_schedule_ends_in_exactly_one_release() {
    let schedules = number("MAINSTAY_SIM_SCHEDULES", 100_000);
    let first = number("MAINSTAY_SIM_SEED", 1);
    let began = Instant::now();
    let next = AtomicU64::new(first);
    let end = first + schedules;
    let failed = AtomicBool::new(false);
    let tally = thread::scope(|scope| {
        let worker = || work(&next, end, &failed, schedules == 1);
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        let tallies = threads.into_iter().map(thread::ScopedJoinHandle::join);
        tallies.map(Result::unwrap).sum::<Tally>()
    });
    assert!(
        !failed.load(Ordering::Relaxed),
        "a schedule failed, see above"
    );
    println!(
        "{tally}\n{schedules} schedules from seed {first} in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(tally.schedules, schedules);
    tally.assert_covers();
}

/// Takes batches of seeds until there are none left or one failed.
fn work(next: &AtomicU64, end: u64, failed: &AtomicBool, trace: bool) -> Tally {
    let mut tally = Tally::default();
    while !failed.load(Ordering::Relaxed) {
        let from = next.fetch_add(BATCH, Ordering::Relaxed);
        if from >= end {
            break;
        }
        let mut journal = Journal::in_memory().unwrap();
        for seed in from..end.min(from + BATCH) {
            match play::play(seed, journal, trace, &mut tally) {
                Ok(back) => journal = back,
                Err(broken) => {
                    failed.store(true, Ordering::Relaxed);
                    report(seed, &broken);
                    return tally;
                }
            }
        }
        let verdict = journal.verify().unwrap();
        if let Some(broken) = verdict.broken {
            failed.store(true, Ordering::Relaxed);
            report(from, &format!("the chain is broken: {broken:?}"));
        }
        tally.events += verdict.events;
    }
    tally
}

fn report(seed: u64, broken: &str) {
    eprintln!(
        "schedule {seed} broke a law: {broken}\nreplay it with:\n    cargo xtask sim --seed {seed} --schedules 1"
    );
}
