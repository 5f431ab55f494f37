//! What a drill says, and what it does not.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn came_back(source: &str) -> SourceProof {
    SourceProof {
        source: source.to_owned(),
        restored: Restored::Yes,
        compared: Some(Compared {
            tables: 12,
            differences: Vec::new(),
        }),
        asked: None,
    }
}

fn proof(sources: Vec<SourceProof>) -> Proof {
    Proof {
        point: Uuid::nil(),
        name: PointName::new("nightly").unwrap(),
        began: at(0),
        ended: at(90),
        sources,
        boot: None,
        steps: Vec::new(),
        rpo: Some(Duration::from_secs(7500)),
        objectives: Objectives {
            rpo: Some(Duration::from_secs(3600)),
            rto: Some(Duration::from_secs(4 * 3600)),
        },
    }
}

fn told(proof: &Proof) -> (Verdict, String) {
    let judgement = proof.judge();
    (judgement.verdict, judgement.reason)
}

#[test]
fn it_passes_only_when_all_came_back_and_all_was_right() {
    let good = proof(vec![came_back("db"), came_back("cache")]);
    assert_eq!(
        told(&good),
        (
            Verdict::Pass,
            "2 of 2 sources came back in 1m30s".to_owned()
        )
    );
    assert!(good.is_proven());
    assert_eq!(told(&proof(vec![])).0, Verdict::NotEnoughData);
    let with = |change: &dyn Fn(&mut SourceProof)| {
        let mut wrong = came_back("cache");
        change(&mut wrong);
        told(&proof(vec![came_back("db"), wrong]))
    };
    assert_eq!(
        with(&|one| one.restored = Restored::No("the pack is damaged".to_owned())),
        (
            Verdict::Fail,
            "`cache` cannot be restored: the pack is damaged".to_owned()
        )
    );
    assert_eq!(
        with(&|one| one.restored = Restored::CannotTry("no such image".to_owned())),
        (
            Verdict::CannotMeasure,
            "`cache` cannot be tried: no such image".to_owned()
        )
    );
    let missing = |index: u64| Difference::Missing {
        table: format!("t{index}"),
        rows: index,
    };
    let (verdict, reason) = with(&|one| {
        one.compared = Some(Compared {
            tables: 5,
            differences: (0..5).map(missing).collect(),
        });
    });
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        reason.starts_with("`cache` differs: `t0` is missing"),
        "{reason}"
    );
    assert!(reason.ends_with("and 2 more"), "{reason}");
}

#[test]
fn the_first_value_of_the_query_has_to_be_true() {
    for (answer, is) in [
        ("t", true),
        ("1", true),
        ("42", true),
        ("yes", true),
        ("0", false),
        ("0.00", false),
        ("f", false),
        ("False", false),
        ("", false),
        ("NULL", false),
    ] {
        let asked = AskedQuery {
            answer: Ok(answer.to_owned()),
        };
        assert_eq!(asked.is_true(), is, "{answer}");
    }
    let mut source = came_back("db");
    source.asked = Some(AskedQuery {
        answer: Err("no such table".to_owned()),
    });
    let (verdict, reason) = told(&proof(vec![source]));
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(reason, "`db` did not answer its query: no such table");
}

#[test]
fn a_service_that_is_not_healthy_against_the_copy_fails_it() {
    let with = |came| {
        let mut proof = proof(vec![came_back("db")]);
        let service = ServiceName::new("app").unwrap();
        proof.boot = Some(Boot { service, came });
        let proven = proof.is_proven();
        let (verdict, reason) = told(&proof);
        (proven, verdict, reason)
    };
    let reason = "`app` is not healthy against the copy: status 500".to_owned();
    let failed = with(Came::NotHealthy("status 500".to_owned()));
    assert_eq!(failed, (false, Verdict::Fail, reason));
    let reason = "`app` cannot be started against the copy: no such image".to_owned();
    let untried = with(Came::CannotTry("no such image".to_owned()));
    assert_eq!(untried, (false, Verdict::CannotMeasure, reason));
    let (proven, verdict, _) = with(Came::Healthy);
    assert!(proven);
    assert_eq!(verdict, Verdict::Pass);
}

#[test]
fn what_was_measured_is_held_against_what_was_promised() {
    let proof = proof(vec![came_back("db")]);
    let (rpo, rto) = (proof.judge_rpo(), proof.judge_rto());
    assert_eq!(rpo.verdict, Verdict::Fail);
    assert_eq!(
        rpo.reason,
        "recovery point: 2h, longer than the objective of 1h"
    );
    assert_eq!(rto.verdict, Verdict::Pass);
    assert_eq!(
        rto.reason,
        "recovery time: 1m30s, within the objective of 4h"
    );
    let json = serde_json::to_string(&proof).unwrap();
    assert_eq!(serde_json::from_str::<Proof>(&json).unwrap(), proof);
}
