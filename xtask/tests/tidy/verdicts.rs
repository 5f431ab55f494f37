//! The rule packs in our own engine: read without a complaint, and their tests with promtool's verdict.

use super::packs::PACKS;
use super::{assert_none, root, text};
use mainstay_rules::RuleFile;
use mainstay_rules::unit::TestFile;
use std::path::Path;

fn read<T>(
    pack: &str,
    name: &str,
    read: impl Fn(&str, &Path, &str) -> (T, mainstay_model::Problems),
) -> Option<T> {
    let path = format!("rules/{pack}/{name}");
    let absolute = root().join(&path);
    if !absolute.is_file() {
        return None;
    }
    let text = text(Path::new(&path)).expect("a pack is text");
    let (file, problems) = read(&text, &absolute, &path);
    assert!(problems.is_empty(), "{path}: {problems:?}");
    Some(file)
}

#[test]
fn our_engine_judges_the_packs_as_promtool_does() {
    let mut mistakes = Vec::new();
    let mut compared = 0;
    for pack in PACKS {
        let files: Vec<RuleFile> = ["recording.yaml", "alerts.yaml"]
            .iter()
            .filter_map(|name| read(pack, name, RuleFile::read))
            .collect();
        let tests = read(pack, "tests.yaml", TestFile::read).expect("a pack has tests");
        for test in tests.run(&files).tests {
            compared += test.compared;
            mistakes.extend(test.failures.iter().map(|failure| {
                let difference = failure.difference.join("\n  ");
                format!(
                    "{}: {}: {}\n  {difference}",
                    failure.place, test.name, failure.what
                )
            }));
        }
    }
    assert_none(&mistakes);
    assert!(compared > 200, "only {compared} moments were compared");
}
