//! Plans by table: what runs, what is wished, what goes and comes.

use super::*;
use crate::testing::{service, stack};

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn ids(texts: &[&str]) -> Vec<InstanceId> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn desired(release: u32, instances: &[&str]) -> Desired {
    let mut desired = Desired {
        release: Some(ReleaseNumber(release)),
        ..Desired::default()
    };
    for id in ids(instances) {
        desired
            .instances
            .entry(id.service.clone())
            .or_default()
            .push(id);
    }
    desired
}

fn wish(to: u32, generations: &[(&str, u32)]) -> Wish {
    Wish {
        to: ReleaseNumber(to),
        generations: generations
            .iter()
            .map(|(service, generation)| (name(service), ReleaseNumber(*generation)))
            .collect(),
        renew: BTreeSet::new(),
        rollback: true,
    }
}

#[test]
fn a_first_deploy_starts_everything() {
    let stack = stack([service("app", 2)]);
    let plan = plan(
        &Desired::default(),
        &stack,
        &[name("app")],
        &wish(1, &[("app", 1)]),
    );
    assert_eq!(plan.from, None);
    assert_eq!(plan.services[0].new, ids(&["app-r1-1", "app-r1-2"]));
    let all_at_once = Strategy::Rolling {
        surge: 2,
        parallelism: 2,
    };
    assert_eq!(plan.services[0].strategy, all_at_once);
    assert_eq!(plan.watch, Duration::ZERO);
    assert_eq!(after(&plan).instances[&name("app")].len(), 2);
}

#[test]
fn an_unchanged_service_keeps_its_instances() {
    let stack = stack([service("app", 1), service("db", 1)]);
    let plan = plan(
        &desired(1, &["app-r1-1", "db-r1-1"]),
        &stack,
        &[name("db"), name("app")],
        &wish(2, &[("app", 2), ("db", 1)]),
    );
    assert_eq!(plan.services[0].kept, ids(&["db-r1-1"]));
    assert!(plan.services[0].new.is_empty() && plan.services[0].old.is_empty());
    assert_eq!(plan.services[1].old, ids(&["app-r1-1"]));
    assert_eq!(plan.services[1].new, ids(&["app-r2-1"]));
}

#[test]
fn scaling_adds_the_lowest_free_slots_and_removes_the_highest() {
    let up = plan(
        &desired(3, &["app-r3-1", "app-r3-3"]),
        &stack([service("app", 4)]),
        &[name("app")],
        &wish(3, &[("app", 3)]),
    );
    assert_eq!(up.services[0].kept, ids(&["app-r3-1", "app-r3-3"]));
    assert_eq!(up.services[0].new, ids(&["app-r3-2", "app-r3-4"]));
    let down = plan(
        &desired(3, &["app-r3-1", "app-r3-3"]),
        &stack([service("app", 1)]),
        &[name("app")],
        &wish(3, &[("app", 3)]),
    );
    assert_eq!(down.services[0].old, ids(&["app-r3-3"]));
    assert!(down.services[0].new.is_empty());
}

#[test]
fn a_restart_never_reuses_a_living_name() {
    let mut wish = wish(3, &[("app", 3)]);
    wish.renew.insert(name("app"));
    let plan = plan(
        &desired(3, &["app-r3-1", "app-r3-2"]),
        &stack([service("app", 2)]),
        &[name("app")],
        &wish,
    );
    assert_eq!(plan.services[0].old, ids(&["app-r3-1", "app-r3-2"]));
    assert_eq!(plan.services[0].new, ids(&["app-r3-3", "app-r3-4"]));
}

#[test]
fn a_removed_service_goes_last() {
    let plan = plan(
        &desired(1, &["app-r1-1", "old-r1-1"]),
        &stack([service("app", 1)]),
        &[name("app")],
        &wish(2, &[("app", 1)]),
    );
    assert_eq!(plan.services.len(), 2);
    assert_eq!(plan.services[1].old, ids(&["old-r1-1"]));
    assert!(!after(&plan).instances.contains_key("old"));
}

#[test]
fn down_ends_dependants_first() {
    let stack = stack([service("app", 1), service("db", 1)]);
    let plan = down(
        &desired(1, &["app-r1-1", "db-r1-1"]),
        &stack,
        &[name("db"), name("app")],
    );
    let order: Vec<_> = plan.services.iter().map(|s| s.service.as_str()).collect();
    assert_eq!(order, ["app", "db"]);
    assert!(after(&plan).instances.is_empty());
}

#[test]
fn a_singleton_is_never_started_beside_itself() {
    let mut bot = service("bot", 1);
    bot.singleton = true;
    let plan = plan(
        &desired(1, &["bot-r1-1"]),
        &stack([bot]),
        &[name("bot")],
        &wish(2, &[("bot", 2)]),
    );
    assert_eq!(plan.services[0].strategy, Strategy::StopFirst);
}
