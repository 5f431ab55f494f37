//! The contract of [`Target`], for any engine.

use crate::fixture::{
    Engine, check, down, ended, healthy, id, listens, restart, scope, seen, status, stopped,
    trial_on, up,
};
use libtest_mimic::Trial;
use mainstay_runtime::spec::{HealthCheck, Probe, RestartCondition};
use mainstay_runtime::status::Phase;
use mainstay_runtime::target::Target;
use mainstay_wire::shim::Exit;
use std::time::Duration;

pub(crate) fn trials<E: Engine>() -> Vec<Trial> {
    vec![
        trial_on::<E>("started_twice_is_started_once", async |place| {
            started_twice(place).await;
        }),
        trial_on::<E>("stopped_twice_is_stopped_once", async |place| {
            stopped_twice(place).await;
        }),
        trial_on::<E>(
            "what_is_unknown_can_be_stopped_and_removed",
            async |place| unknown(place).await,
        ),
        trial_on::<E>("exit_codes_are_told", async |place| {
            exit_codes(place).await;
        }),
        trial_on::<E>("what_cannot_start_says_why", async |place| {
            not_started(place).await;
        }),
        trial_on::<E>("an_instance_is_removed_after_its_end", async |place| {
            removed(place).await;
        }),
        trial_on::<E>("health_passes", async |place| {
            health_passes(place).await;
        }),
        trial_on::<E>("health_fails", async |place| {
            health_fails(place).await;
        }),
        trial_on::<E>("health_times_out", async |place| {
            health_times_out(place).await;
        }),
        trial_on::<E>("a_late_one_becomes_healthy", async |place| {
            late(place).await;
        }),
        trial_on::<E>("a_port_is_enough_to_be_probed", async |place| {
            implied_check(place).await;
        }),
        trial_on::<E>("a_command_probes", async |place| {
            command_probe(place).await;
        }),
        trial_on::<E>(
            "who_falls_ill_is_seen_and_who_recovers_too",
            async |place| falls_ill(place).await,
        ),
        trial_on::<E>("who_fails_is_restarted", async |place| {
            restarted(place).await;
        }),
        trial_on::<E>("who_fails_too_often_is_left_down", async |place| {
            crash_loop(place).await;
        }),
        trial_on::<E>("a_stop_ends_a_back_off", async |place| {
            stop_in_back_off(place).await;
        }),
        trial_on::<E>("many_starts_at_once", async |place| {
            many(place).await;
        }),
    ]
}

async fn started_twice<E: Engine>(engine: &E) {
    let target = engine.open();
    let spec = engine.shell(1, "exec sleep 600");
    let (one, two) = tokio::join!(target.start(spec.clone()), target.start(spec.clone()));
    one.unwrap();
    two.unwrap();
    let first = healthy(&target, 1).await;
    target.start(spec.clone()).await.unwrap();
    engine.close(target).await;
    let target = engine.open();
    target.start(spec).await.unwrap();
    let again = healthy(&target, 1).await;
    assert_eq!(first, again);
    assert_eq!(target.observe().len(), 1);
    assert_eq!(down(&target, 1).await.phase, stopped());
}

async fn stopped_twice<E: Engine>(engine: &E) {
    let target = engine.open();
    // The end comes a while after the first stop, so that the second falls between.
    let script = "trap 'sleep 0.2; exit 7' TERM; echo; while :; do sleep 0.01; done";
    up(&target, engine.shell(1, script)).await;
    let grace = Duration::from_secs(20);
    target.stop(&scope(), &id(1), grace).await.unwrap();
    target.stop(&scope(), &id(1), grace).await.unwrap();
    let exited = ended(&target, 1).await;
    target.stop(&scope(), &id(1), grace).await.unwrap();
    assert_eq!(status(&target, 1), Some(exited.clone()));
    assert!(matches!(
        exited.phase,
        Phase::Exited {
            requested: true,
            ..
        }
    ));
    // Also a start does not wake the dead.
    let spec = engine.shell(1, "exec sleep 600");
    target.start(spec).await.unwrap();
    assert_eq!(status(&target, 1), Some(exited));
}

async fn unknown<E: Engine>(engine: &E) {
    let target = engine.open();
    let grace = Duration::from_secs(1);
    target.stop(&scope(), &id(9), grace).await.unwrap();
    target.remove(&scope(), &id(9)).await.unwrap();
    assert_eq!(target.observe(), []);
}

async fn exit_codes<E: Engine>(engine: &E) {
    let target = engine.open();
    let expected = [
        (1, "exit 0", Exit::Code(0)),
        (2, "exit 3", Exit::Code(3)),
        (3, "kill -9 $$", Exit::Signal("SIGKILL".into())),
        (4, "kill -11 $$", Exit::Signal("SIGSEGV".into())),
    ];
    for (slot, script, _) in &expected {
        target.start(engine.shell(*slot, script)).await.unwrap();
    }
    for (slot, _, exit) in &expected {
        let status = ended(&target, *slot).await;
        let phase = Phase::Exited {
            exit: exit.clone(),
            requested: false,
        };
        assert_eq!(status.phase, phase);
        assert_eq!(status.last_exit.as_ref(), Some(exit));
    }
    let before = target.observe();
    engine.close(target).await;
    assert_eq!(engine.open().observe(), before);
}

async fn not_started<E: Engine>(engine: &E) {
    let target = engine.open();
    for (mut spec, word) in engine.impossible() {
        let slot = spec.id.slot;
        // There is no sense in trying again what cannot work.
        spec.restart = restart(RestartCondition::Always, 5);
        target.start(spec).await.unwrap();
        let status = ended(&target, slot).await;
        let Phase::NotStarted { reason } = status.phase else {
            panic!("{status:?}");
        };
        assert!(reason.contains(word), "{reason}");
        target.remove(&scope(), &id(slot)).await.unwrap();
    }
    assert_eq!(target.observe(), []);
}

async fn removed<E: Engine>(engine: &E) {
    let target = engine.open();
    up(&target, engine.shell(1, "exec sleep 600")).await;
    let refused = target.remove(&scope(), &id(1)).await.unwrap_err();
    assert!(refused.to_string().contains("has not ended"), "{refused}");
    down(&target, 1).await;
    target.remove(&scope(), &id(1)).await.unwrap();
    assert_eq!(target.observe(), []);
    // The name is free again.
    let status = up(&target, engine.shell(1, "exec sleep 600")).await;
    assert_eq!(status.restarts, 0);
    assert_eq!(status.last_exit, None);
    down(&target, 1).await;
    target.remove(&scope(), &id(1)).await.unwrap();
    engine.close(target).await;
    assert_eq!(engine.open().observe(), []);
}

fn http() -> HealthCheck {
    check(Probe::Http {
        path: "/health".into(),
    })
}

async fn health_passes<E: Engine>(engine: &E) {
    let target = engine.open();
    let mut spec = engine.server(1, 0, "200");
    spec.health = Some(http());
    let status = up(&target, spec).await;
    let address = status.address.unwrap();
    tokio::net::TcpStream::connect(address).await.unwrap();
    down(&target, 1).await;
}

async fn health_fails<E: Engine>(engine: &E) {
    let target = engine.open();
    let mut spec = engine.server(1, 0, "503");
    spec.health = Some(http());
    target.start(spec).await.unwrap();
    let status = seen(&target, 1, |status| status.phase == Phase::Unhealthy).await;
    assert_eq!(status.last_probe.as_deref(), Some("GET /health: 503"));
    assert_eq!(status.restarts, 0);
    down(&target, 1).await;
}

async fn health_times_out<E: Engine>(engine: &E) {
    let target = engine.open();
    let mut spec = engine.server(1, 0, "hang");
    spec.health = Some(http());
    target.start(spec).await.unwrap();
    let no_answer = "GET /health: no answer within 300ms";
    seen(&target, 1, |status| {
        status.phase == Phase::Unhealthy && status.last_probe.as_deref() == Some(no_answer)
    })
    .await;
    down(&target, 1).await;
}

async fn late<E: Engine>(engine: &E) {
    let target = engine.open();
    let mut spec = engine.server(1, 700, "200");
    spec.health = Some(http());
    target.start(spec).await.unwrap();
    let status = seen(&target, 1, |status| status.last_probe.is_some()).await;
    let refused = status.last_probe.unwrap();
    assert!(refused.contains("nothing listens on"), "{refused}");
    healthy(&target, 1).await;
    down(&target, 1).await;
}

async fn implied_check<E: Engine>(engine: &E) {
    let target = engine.open();
    target.start(engine.server(1, 1000, "500")).await.unwrap();
    let starting = seen(&target, 1, |status| status.pid.is_some()).await;
    assert_eq!(starting.phase, Phase::Starting);
    healthy(&target, 1).await;
    down(&target, 1).await;
}

async fn command_probe<E: Engine>(engine: &E) {
    let target = engine.open();
    let probe = |script: &str| {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        Some(check(Probe::Command { command }))
    };
    let mut good = engine.shell(1, "exec sleep 600");
    good.environment
        .insert("WORD".into(), mainstay_model::Secret::new("yes".into()));
    // It sees the environment of its instance.
    good.health = probe("test \"$WORD\" = yes");
    up(&target, good).await;
    let mut bad = engine.shell(2, "exec sleep 600");
    bad.health = probe("echo out of order >&2; exit 4");
    target.start(bad).await.unwrap();
    let status = seen(&target, 2, |status| status.phase == Phase::Unhealthy).await;
    let said = status.last_probe.unwrap();
    assert_eq!(said, "`sh`: exit code 4: out of order");
    let mut slow = engine.shell(3, "exec sleep 600");
    slow.health = probe("sleep 600");
    target.start(slow).await.unwrap();
    seen(&target, 3, |status| status.phase == Phase::Unhealthy).await;
    for slot in 1..=3 {
        down(&target, slot).await;
    }
}

async fn falls_ill<E: Engine>(engine: &E) {
    let target = engine.open();
    let file = tempfile::NamedTempFile::new_in(engine.shared()).unwrap();
    let mut spec = engine.shell(1, "exec sleep 600");
    let command = ["test", "-s", file.path().to_str().unwrap()];
    let command = command.map(str::to_owned).to_vec();
    spec.health = Some(check(Probe::Command { command }));
    std::fs::write(file.path(), "well").unwrap();
    up(&target, spec).await;
    std::fs::write(file.path(), "").unwrap();
    seen(&target, 1, |status| status.phase == Phase::Unhealthy).await;
    std::fs::write(file.path(), "well").unwrap();
    healthy(&target, 1).await;
    assert_eq!(status(&target, 1).unwrap().restarts, 0);
    down(&target, 1).await;
}

async fn restarted<E: Engine>(engine: &E) {
    let target = engine.open();
    let file = tempfile::NamedTempFile::new_in(engine.shared()).unwrap();
    // Fails twice, then stays.
    let path = file.path().display();
    let script =
        format!("echo x >> {path}; test $(wc -l < {path}) -ge 3 || exit 5; exec sleep 600");
    let mut spec = engine.shell(1, &script);
    listens(&mut spec);
    spec.health = Some(check(Probe::Command {
        command: vec!["true".into()],
    }));
    spec.restart = restart(RestartCondition::OnFailure, 5);
    target.start(spec.clone()).await.unwrap();
    let status = seen(&target, 1, |status| {
        status.restarts == 2 && status.phase == Phase::Healthy
    })
    .await;
    assert_eq!(status.last_exit, Some(Exit::Code(5)));
    engine.close(target).await;
    let target = engine.open();
    target.start(spec).await.unwrap();
    assert_eq!(healthy(&target, 1).await.restarts, 2);
    down(&target, 1).await;
}

async fn crash_loop<E: Engine>(engine: &E) {
    let target = engine.open();
    let mut spec = engine.shell(1, "exit 9");
    spec.restart = restart(RestartCondition::Always, 3);
    target.start(spec.clone()).await.unwrap();
    let before = ended(&target, 1).await;
    let exit = Exit::Code(9);
    assert_eq!(before.phase, Phase::CrashLoop { exit });
    assert_eq!(before.restarts, 3);
    engine.close(target).await;
    let target = engine.open();
    target.start(spec).await.unwrap();
    assert_eq!(ended(&target, 1).await, before);
}

async fn stop_in_back_off<E: Engine>(engine: &E) {
    let target = engine.open();
    let mut spec = engine.shell(1, "exit 9");
    spec.restart = restart(RestartCondition::Always, 3);
    spec.restart.delay = Duration::from_hours(1);
    target.start(spec).await.unwrap();
    let waits = |status: &mainstay_runtime::status::InstanceStatus| {
        matches!(status.phase, Phase::Restarting { .. })
    };
    seen(&target, 1, waits).await;
    // The back-off survives the control plane.
    engine.close(target).await;
    let target = engine.open();
    seen(&target, 1, waits).await;
    let exit = Exit::Code(9);
    let requested = true;
    assert_eq!(
        down(&target, 1).await.phase,
        Phase::Exited { exit, requested }
    );
}

async fn many<E: Engine>(engine: &E) {
    let target = engine.open();
    for slot in 1..=E::MANY {
        let spec = engine.shell(slot, "exec sleep 600");
        target.start(spec).await.unwrap();
    }
    for slot in 1..=E::MANY {
        healthy(&target, slot).await;
    }
    for slot in 1..=E::MANY {
        let grace = Duration::from_secs(5);
        target.stop(&scope(), &id(slot), grace).await.unwrap();
    }
    for slot in 1..=E::MANY {
        assert_eq!(ended(&target, slot).await.phase, stopped());
    }
}
