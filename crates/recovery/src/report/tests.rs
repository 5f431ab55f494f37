//! What a recovery came to.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

#[test]
fn the_oldest_state_that_came_back_is_what_was_lost() {
    let objectives = Objectives {
        rpo: Some(Duration::from_secs(3600)),
        rto: Some(Duration::from_secs(60)),
    };
    let report = Report::new(
        Vec::new(),
        (at(10_000), at(10_120)),
        &[at(9_990), at(9_000)],
        objectives,
    );
    assert_eq!(report.rpo, Some(Duration::from_secs(1000)));
    assert_eq!(report.rto, Duration::from_secs(120));
    assert_eq!(report.judge_rpo().verdict, Verdict::Pass);
    assert_eq!(
        report.judge_rto().reason,
        "recovery time: 2m, longer than the objective of 1m"
    );
    let nothing = Report::new(Vec::new(), (at(0), at(1)), &[], Objectives::default());
    assert_eq!(nothing.judge_rpo().verdict, Verdict::NotEnoughData);
    assert_eq!(
        nothing.judge_rto().reason,
        "recovery time: 1s, no objective is set"
    );
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}
