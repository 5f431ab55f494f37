//! Rollouts in an obedient little world in virtual time, driven to their end.

mod toy;

use crate::plan::Strategy;
use crate::world::Command;
use crate::{Decision, Failure, Hold, Hook, Outcome};
use std::time::Duration;
use toy::{Fate, Toy, ids, plan, service};

fn rolling() -> Strategy {
    Strategy::Rolling {
        surge: 1,
        parallelism: 1,
    }
}

fn blue_green() -> Strategy {
    Strategy::BlueGreen {
        steps: vec![10, 50, 100],
        pause: Duration::from_secs(1),
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
fn services_that_do_not_wait_for_each_other_move_at_the_same_time() {
    let mut plan = plan(vec![
        service("cache", 0, 1, rolling()),
        service("db", 0, 1, rolling()),
        service("app", 0, 1, rolling()),
    ]);
    plan.services[1].after.clear();
    let mut toy = Toy::new(plan);
    assert_eq!(toy.run(), Outcome::Succeeded);
    let steps: Vec<String> = toy
        .decisions
        .iter()
        .filter(|one| matches!(one.kind(), "service-began" | "service-done"))
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        steps,
        [
            "cache begins",
            "db begins",
            "cache is through",
            "db is through",
            "app begins",
            "app is through"
        ]
    );
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
fn a_wider_surge_goes_faster_and_stays_within_it() {
    let strategy = Strategy::Rolling {
        surge: 2,
        parallelism: 2,
    };
    let mut toy = Toy::new(plan(vec![service("app", 4, 4, strategy)]));
    assert_eq!(toy.run(), Outcome::Succeeded);
    assert_eq!((toy.serving_min, toy.alive_max), (4, 6));
}

#[test]
fn a_service_begins_when_those_before_it_are_through() {
    let mut toy = Toy::new(plan(vec![
        service("db", 1, 1, Strategy::StopFirst),
        service("app", 2, 2, rolling()),
    ]));
    assert_eq!(toy.run(), Outcome::Succeeded);
    let done = |name: &str| {
        let decision = Decision::ServiceDone {
            service: name.parse().unwrap(),
        };
        toy.position(&decision)
    };
    let app = toy.position(&Decision::ServiceBegan {
        service: "app".parse().unwrap(),
    });
    assert!(done("db") < app && app < done("app"));
}

/// A new release with each kind of defect, under each strategy.
#[test]
fn a_bad_release_goes_back_and_says_why() {
    let cases = [
        (
            Fate::NeverHealthy,
            "app-r2-2 did not become healthy within 10s",
        ),
        (Fate::Fails, "app-r2-2 failed (exit code 3)"),
        (
            Fate::Crashes,
            "app-r2-2 crashed during the rollout, restarts: 1",
        ),
    ];
    for (fate, words) in cases {
        for strategy in [rolling(), blue_green(), Strategy::StopFirst] {
            let service = service("app", 2, 2, strategy.clone());
            let mut toy = Toy::new(plan(vec![service])).fate("app-r2-2", fate);
            let outcome = toy.run();
            let Outcome::RolledBack { failure } = &outcome else {
                panic!("{strategy:?} {fate:?}: {outcome}");
            };
            assert_eq!(failure.to_string(), words, "{strategy:?}");
            assert_eq!(
                toy.known(),
                ["app-r1-1", "app-r1-2"],
                "{strategy:?} {fate:?}"
            );
            if strategy != Strategy::StopFirst {
                assert_eq!(toy.serving_min, 2, "{strategy:?} {fate:?}");
            }
            assert!(
                !toy.routed.contains(&ids("app", 2, 2)[1]),
                "{strategy:?} {fate:?}"
            );
        }
    }
}

#[test]
fn a_bad_blue_green_release_gets_no_request_at_all() {
    let service = service("app", 2, 2, blue_green());
    let mut toy = Toy::new(plan(vec![service])).fate("app-r2-2", Fate::NeverHealthy);
    toy.run();
    assert!(
        toy.routed.iter().all(|id| id.release.0 == 1),
        "{:?}",
        toy.routed
    );
}

#[test]
fn unhealthy_in_the_watch_switches_back_at_once() {
    let mut toy = Toy::new(plan(vec![service("app", 2, 2, blue_green())]));
    toy.run_until("watching");
    toy.fall_ill("app-r2-1");
    toy.run_for(100);
    assert!(matches!(toy.rollout.hold(), Some(Hold::Suspect { .. })));
    let routes = toy.routes_asked;
    toy.run_until("rolling-back");
    // One look shows it, one a second later decides; the switch is one change of the routes (and
    // one before it, when the ill one was spared).
    assert!(
        toy.routes_asked - routes <= 1,
        "{}",
        toy.routes_asked - routes
    );
    assert_eq!(toy.weights_of_release(1), [1, 1]);
    assert_eq!(toy.weights_of_release(2), [0; 0]);
    let outcome = toy.run();
    assert!(
        matches!(&outcome, Outcome::RolledBack { failure: Failure::Unhealthy { for_ms, .. } } if *for_ms >= 1000),
        "{outcome}"
    );
    assert_eq!(toy.known(), ["app-r1-1", "app-r1-2"]);
}

#[test]
fn nothing_is_shifted_to_a_release_that_looks_ill() {
    let mut toy = Toy::new(plan(vec![service("app", 2, 2, blue_green())]));
    toy.run_until_percent(10);
    toy.run_for(600);
    toy.fall_ill("app-r2-1");
    // The pause of a second is over; the second look is not yet due.
    toy.run_for(900);
    assert_eq!(toy.rollout.summary().services[0].percent, Some(10));
    toy.recover("app-r2-1");
    assert_eq!(toy.run(), Outcome::Succeeded);
}

#[test]
fn one_bad_look_decides_nothing() {
    let mut toy = Toy::new(plan(vec![service("app", 1, 1, rolling())]));
    toy.run_until("watching");
    toy.fall_ill("app-r2-1");
    toy.run_for(500);
    toy.recover("app-r2-1");
    assert_eq!(toy.run(), Outcome::Succeeded);
}

#[test]
fn old_instances_that_were_stopped_come_again() {
    let mut toy = Toy::new(plan(vec![service("app", 2, 2, rolling())]));
    toy.run_until("watching");
    assert_eq!(toy.known(), ["app-r2-1", "app-r2-2"]);
    toy.fall_ill("app-r2-1");
    assert!(matches!(toy.run(), Outcome::RolledBack { .. }));
    assert_eq!(toy.known(), ["app-r1-1", "app-r1-2"]);
}

#[test]
fn a_first_deploy_that_fails_leaves_nothing_behind() {
    for strategy in [rolling(), blue_green(), Strategy::StopFirst] {
        let mut plan = plan(vec![
            service("db", 0, 1, rolling()),
            service("app", 0, 2, strategy),
        ]);
        plan.from = None;
        plan.rollback = false;
        let mut toy = Toy::new(plan).fate("app-r2-2", Fate::Fails);
        let outcome = toy.run();
        assert!(
            matches!(
                outcome,
                Outcome::Failed {
                    trouble: None,
                    failure: Failure::Exited { .. }
                }
            ),
            "{outcome}"
        );
        assert!(toy.known().is_empty(), "{:?}", toy.known());
    }
}

#[test]
fn a_failing_hook_before_leaves_everything_untouched() {
    let mut plan = plan(vec![service("app", 2, 2, rolling())]);
    plan.hook_before = true;
    let mut toy = Toy::new(plan);
    toy.hook_fails = true;
    let Outcome::RolledBack { failure } = toy.run() else {
        panic!("not rolled back");
    };
    let hook = Hook::Before;
    let reason = "exit code 1".to_owned();
    assert_eq!(failure, Failure::HookFailed { hook, reason });
    assert_eq!(toy.alive_max, 2);
}

#[test]
fn a_failing_hook_after_goes_back() {
    let mut plan = plan(vec![service("app", 2, 2, blue_green())]);
    plan.hook_after = true;
    let mut toy = Toy::new(plan);
    toy.hook_fails = true;
    assert!(matches!(toy.run(), Outcome::RolledBack { .. }));
    assert_eq!(toy.known(), ["app-r1-1", "app-r1-2"]);
    assert_eq!(toy.serving_min, 2);
}

#[test]
fn a_proxy_that_does_not_answer_holds_until_the_deadline() {
    let mut toy = Toy::new(plan(vec![service("app", 2, 2, rolling())]));
    toy.proxy_down = true;
    toy.run_for(20_000);
    assert!(
        matches!(toy.rollout.hold(), Some(Hold::ProxyUnreachable { .. })),
        "{:?}",
        toy.rollout.hold()
    );
    // Nothing is stopped on a guess.
    assert_eq!(toy.alive(), ["app-r1-1", "app-r1-2", "app-r2-1"]);
    toy.run_until("rolling-back");
    toy.proxy_down = false;
    let outcome = toy.run();
    assert!(
        matches!(
            outcome,
            Outcome::RolledBack {
                failure: Failure::ProgressDeadline { .. }
            }
        ),
        "{outcome}"
    );
    assert_eq!(toy.serving_min, 2);
}

#[test]
fn what_is_in_flight_is_waited_for_until_the_drain_deadline() {
    let mut toy = Toy::new(plan(vec![service("app", 1, 1, rolling())]));
    toy.in_flight = 3;
    toy.run_for(2_000);
    let Some(Hold::Draining {
        in_flight: 3,
        deadline_ms: 5000,
        ..
    }) = toy.rollout.hold()
    else {
        panic!("{:?}", toy.rollout.hold());
    };
    assert_eq!(toy.alive(), ["app-r1-1", "app-r2-1"]);
    assert_eq!(toy.run(), Outcome::Succeeded);
    assert_eq!(toy.alive(), ["app-r2-1"]);
}

#[test]
fn paused_time_does_not_count() {
    let mut toy = Toy::new(plan(vec![service("app", 2, 2, rolling())]));
    toy.run_for(400);
    toy.command(Command::Pause { by: "ada".into() });
    toy.run_for(120_000);
    assert!(matches!(toy.rollout.hold(), Some(Hold::Paused { .. })));
    assert_eq!(toy.alive(), ["app-r1-1", "app-r1-2", "app-r2-1"]);
    toy.command(Command::Resume { by: "ada".into() });
    assert_eq!(toy.run(), Outcome::Succeeded);
}

#[test]
fn a_pause_does_not_keep_a_bad_release_in() {
    let service = service("app", 2, 2, rolling());
    let mut toy = Toy::new(plan(vec![service])).fate("app-r2-1", Fate::Fails);
    toy.run_for(100);
    toy.command(Command::Pause { by: "ada".into() });
    assert!(matches!(toy.run(), Outcome::RolledBack { .. }));
}

#[test]
fn commands_that_cannot_be_followed_are_refused_with_a_reason() {
    let mut toy = Toy::new(plan(vec![service("app", 1, 1, rolling())]));
    let by = || "ada".to_owned();
    toy.command(Command::Resume { by: by() });
    toy.command(Command::Pause { by: by() });
    toy.command(Command::Pause { by: by() });
    toy.command(Command::Abort {
        by: by(),
        reason: None,
    });
    toy.command(Command::Abort {
        by: by(),
        reason: None,
    });
    let refused = toy.decisions.iter().filter_map(|decision| match decision {
        Decision::Refused { command, reason } => Some(format!("{command}: {reason}")),
        _ => None,
    });
    let refused: Vec<_> = refused.collect();
    assert_eq!(
        refused,
        [
            "resume: it is not paused",
            "pause: it is paused already",
            "abort: it is past that point"
        ]
    );
}

#[test]
fn scaling_touches_only_what_it_must() {
    let mut up = service("app", 0, 1, rolling());
    up.kept = ids("app", 1, 2);
    let mut toy = Toy::new(plan(vec![up]));
    assert_eq!(toy.run(), Outcome::Succeeded);
    assert_eq!(toy.alive(), ["app-r1-1", "app-r1-2", "app-r2-1"]);

    let mut down = service("app", 3, 0, rolling());
    down.kept = vec![down.old.remove(0)];
    let mut toy = Toy::new(plan(vec![down]));
    assert_eq!(toy.run(), Outcome::Succeeded);
    assert_eq!(toy.alive(), ["app-r1-1"]);
}

#[test]
fn a_one_shot_service_has_to_complete() {
    let mut migration = service("migrate", 1, 1, rolling());
    migration.one_shot = true;
    migration.routed = false;
    let services = vec![migration, service("app", 1, 1, rolling())];
    let mut toy = Toy::new(plan(services.clone())).fate("migrate-r2-1", Fate::Completes);
    assert_eq!(toy.run(), Outcome::Succeeded);
    assert_eq!(toy.alive(), ["app-r2-1"]);

    let mut toy = Toy::new(plan(services)).fate("migrate-r2-1", Fate::Fails);
    assert!(matches!(toy.run(), Outcome::RolledBack { .. }));
    assert_eq!(toy.alive(), ["app-r1-1", "migrate-r1-1"]);
}

/// An old release that does not come back either: the new one goes all the same, and it is said.
#[test]
fn trouble_on_the_way_back_ends_in_the_old_release_and_says_so() {
    let service = service("app", 1, 1, rolling());
    let mut toy = Toy::new(plan(vec![service])).fate("app-r1-1", Fate::NeverHealthy);
    toy.run_until("watching");
    toy.fall_ill("app-r2-1");
    let outcome = toy.run();
    assert!(
        matches!(
            &outcome,
            Outcome::Failed {
                trouble: Some(_),
                ..
            }
        ),
        "{outcome}"
    );
    assert_eq!(toy.alive(), ["app-r1-1"]);
    assert!(
        toy.decisions
            .iter()
            .any(|decision| matches!(decision, Decision::Forced { .. }))
    );
}

#[test]
fn a_restart_of_the_control_plane_at_any_moment_changes_nothing() {
    for strategy in [rolling(), blue_green(), Strategy::StopFirst] {
        for at_ms in (0..15_000).step_by(100) {
            let mut toy = Toy::new(plan(vec![service("app", 2, 2, strategy.clone())]));
            toy.run_for(at_ms);
            toy.restart();
            assert_eq!(toy.run(), Outcome::Succeeded, "{strategy:?} at {at_ms} ms");
            assert_eq!(toy.known(), ["app-r2-1", "app-r2-2"]);
        }
    }
}

#[test]
fn a_summary_counts() {
    let mut toy = Toy::new(plan(vec![service("app", 2, 2, blue_green())]));
    toy.run_until_percent(10);
    let summary = toy.rollout.summary();
    assert_eq!(summary.phase, "services");
    let app = &summary.services[0];
    assert_eq!((app.new, app.new_serving, app.old_serving), (2, 2, 2));
    assert_eq!(app.percent, Some(10));
    assert!(summary.progress_deadline.is_some());
    toy.run();
    assert_eq!(toy.rollout.summary().outcome, Some(Outcome::Succeeded));
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
