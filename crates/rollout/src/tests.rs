//! Rollouts in an obedient little world in virtual time, driven to their end.

mod toy;

use crate::plan::Strategy;
use crate::world::Command;
use crate::{Failure, Outcome};
use toy::{Toy, plan, service};

fn rolling() -> Strategy {
    Strategy::Rolling {
        surge: 1,
        parallelism: 1,
    }
}

fn blue_green() -> Strategy {
    Strategy::BlueGreen {
        steps: vec![10, 50, 100],
        pause: std::time::Duration::from_secs(1),
    }
}

#[test]
fn a_rolling_deploy_replaces_one_after_the_other() {
    let mut toy = Toy::new(plan(vec![service("app", 2, 2, rolling())]));
    assert_eq!(toy.run(), Outcome::Succeeded);
    assert_eq!(toy.alive(), ["app-r2-1", "app-r2-2"]);
    assert_eq!(toy.serving_min, 2);
    assert_eq!(toy.alive_max, 3);
}

#[test]
fn a_blue_green_deploy_shifts_in_steps() {
    let mut toy = Toy::new(plan(vec![service("app", 2, 2, blue_green())]));
    assert_eq!(toy.run(), Outcome::Succeeded);
    assert_eq!(toy.alive(), ["app-r2-1", "app-r2-2"]);
    assert_eq!(toy.serving_min, 2);
    assert_eq!(toy.alive_max, 4);
    let shares: Vec<u32> = toy.shares.clone();
    assert_eq!(shares, [0, 10, 50, 100]);
}

#[test]
fn stop_first_never_has_two() {
    let mut toy = Toy::new(plan(vec![service("bot", 1, 1, Strategy::StopFirst)]));
    assert_eq!(toy.run(), Outcome::Succeeded);
    assert_eq!(toy.alive(), ["bot-r2-1"]);
    assert_eq!(toy.alive_max, 1);
}

#[test]
fn an_abort_brings_the_old_release_back() {
    for strategy in [rolling(), blue_green(), Strategy::StopFirst] {
        for after_ms in (0..20_000).step_by(300) {
            let mut toy = Toy::new(plan(vec![service("app", 2, 2, strategy.clone())]));
            toy.run_for(after_ms);
            if toy.rollout.outcome().is_some() {
                break;
            }
            toy.command(Command::Abort {
                by: "ada".into(),
                reason: None,
            });
            let outcome = toy.run();
            if matches!(outcome, Outcome::Succeeded) {
                assert_eq!(toy.alive(), ["app-r2-1", "app-r2-2"]);
                continue;
            }
            assert!(
                matches!(&outcome, Outcome::RolledBack { failure: Failure::Aborted { by, .. } } if by == "ada"),
                "{outcome}"
            );
            assert_eq!(
                toy.alive(),
                ["app-r1-1", "app-r1-2"],
                "{strategy:?} {after_ms}"
            );
            if strategy != Strategy::StopFirst {
                assert_eq!(toy.serving_min, 2, "{strategy:?} {after_ms}");
            }
        }
    }
}
