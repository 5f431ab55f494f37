//! What a test run came to, read from the lines that cargo and the tests print.

use std::time::Duration;

/// How a test that lacks its peer begins its line on stderr.
const SKIP_MARK: &str = "skipped for want of ";

/// How the harness names a switched-off test that is another test's process.
const CHILD_MARK: &str = " ... ignored, started by ";

/// The counts so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Switched off where they stand; tests that lack a peer stand in `skips`.
    ignored: u64,
    /// Switched off because they are processes that other tests start: no tests at all.
    children: u64,
    pub(crate) skips: Vec<String>,
    pub(crate) failures: Vec<String>,
    /// How long each binary took.
    pub(crate) times: Vec<(Duration, String)>,
    /// The binary that runs.
    binary: String,
}

impl Tally {
    /// The lines that follow are of this binary.
    pub(crate) fn begin(&mut self, binary: &str) {
        binary.clone_into(&mut self.binary);
    }

    /// Takes in one line of either stream.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim();
        if let Some(counts) = line.strip_prefix("test result:") {
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.ignored += count(counts, "ignored");
        } else if line.starts_with(SKIP_MARK) {
            self.skips.push(line.to_owned());
        } else if line.starts_with("test ") && line.contains(CHILD_MARK) {
            self.children += 1;
        } else if let Some(name) = failed_test(line) {
            self.failures.push(format!("{}: {name}", self.binary));
        }
    }

    /// Something failed that no harness counted: a build, a killed binary.
    pub(crate) fn fail(&mut self, what: String) {
        self.failed += 1;
        self.failures.push(what);
    }

    /// A test that lacks its peer returns early, so its harness counted it as passed.
    pub(crate) fn settle(&mut self) {
        self.passed = self.passed.saturating_sub(self.skips.len() as u64);
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.ignored.saturating_sub(self.children) + self.skips.len() as u64
    }
}

/// `ok. 5 passed; 0 failed; …` → the number before `what`.
fn count(counts: &str, what: &str) -> u64 {
    counts
        .split([';', '.'])
        .filter_map(|part| part.trim().strip_suffix(what))
        .find_map(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        tally.begin("site");
        for line in lines {
            tally.line(line);
        }
        tally.settle();
        tally
    }

    #[test]
    fn results_of_several_binaries_add_up() {
        let tally = tally(&[
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test web::upload ... FAILED",
            "test result: FAILED. 6 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 1.20s",
        ]);
        assert_eq!((tally.passed, tally.failed, tally.skipped()), (11, 1, 1));
        assert_eq!(tally.failures, ["site: web::upload"]);
    }

    #[test]
    fn a_process_of_another_test_is_no_test() {
        let tally = tally(&[
            "test child ... ignored, started by the test below",
            "test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ]);
        assert_eq!((tally.passed, tally.failed, tally.skipped()), (1, 0, 0));
    }

    #[test]
    fn a_test_without_its_peer_is_skipped_not_passed() {
        let tally = tally(&[
            "skipped for want of PostgreSQL: jobs_survive",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ]);
        assert_eq!((tally.passed, tally.failed, tally.skipped()), (2, 0, 1));
    }
}
