//! In which order parts come back.

use super::*;

fn part(source: &str, kind: PartKind) -> Part {
    Part {
        source: source.to_owned(),
        kind,
        service: None,
        snapshot: String::new(),
        path: String::new(),
        taken: mainstay_model::Timestamp::from_millis(0),
        bytes: 0,
        sha256: None,
        figures: None,
        details: BTreeMap::new(),
    }
}

#[test]
fn files_come_back_before_the_databases_that_lie_among_them() {
    let mut parts = [
        part("app", PartKind::Sqlite),
        part("data", PartKind::Directory),
        part("orders", PartKind::Postgresql),
        part("uploads", PartKind::Volume),
    ];
    files_first(&mut parts);
    let names: Vec<&str> = parts.iter().map(|part| part.source.as_str()).collect();
    assert_eq!(names, ["data", "uploads", "app", "orders"]);
}
