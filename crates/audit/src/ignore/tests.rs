//! Tables from the Docker documentation and from moby's own behaviour, and that nothing panics.

use super::Ignore;
use proptest::prelude::*;

fn ignore(text: &str) -> Ignore {
    let (ignore, findings) = Ignore::parse(".dockerignore", text);
    assert!(findings.is_empty(), "{findings:?}");
    ignore
}

#[test]
fn patterns_mean_what_docker_says() {
    for (pattern, path, ignored) in [
        ("*/temp*", "somedir/temporary.txt", true),
        ("*/temp*", "temp", false),
        ("*/*/temp*", "a/b/temp.txt", true),
        ("temp?", "tempa", true),
        ("temp?", "temp", false),
        ("**/*.go", "a/b/c.go", true),
        ("**/*.go", "c.go", true),
        ("/foo/bar", "foo/bar", true),
        ("foo/bar/", "foo/bar/baz", true),
        ("foo", "a/foo", false),
        ("foo", "foo/a/b", true),
        ("./a/../b", "b", true),
        ("a/**", "a/b/c", true),
        ("a/**", "a", false),
        ("**", "a", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/b", "a/xb", false),
        ("a**b", "ab", true),
        ("a**b", "a/x/b", true),
        ("a**b", "axb", false),
        ("**a", "a", true),
        ("**a", "x/a", true),
        ("[a-c]x", "bx", true),
        ("[^a-c]x", "bx", false),
        ("[^a-c]x", "dx", true),
        ("a\\*", "a*", true),
        ("a\\*", "ab", false),
        ("*", ".git/config", true),
        (".", "a", false),
        ("*.md", "docs/a.md", false),
        ("a.c", "abc", false),
    ] {
        assert_eq!(ignore(pattern).ignores(path), ignored, "{pattern} {path}");
    }
}

#[test]
fn the_last_pattern_that_matches_decides() {
    let rules = ignore("\u{feff}# docs\n*.md\n!README*.md\n  README-secret.md  \n");
    assert!(rules.ignores("a.md"));
    assert!(!rules.ignores("README.md"));
    assert!(rules.ignores("README-secret.md"));
    let whitelist = ignore("*\n!src\n!Cargo.toml\nsrc/**/*.tmp\n");
    assert!(whitelist.ignores("target/debug/app"));
    assert!(!whitelist.ignores("src/main.rs"));
    assert!(whitelist.ignores("src/a/b.tmp"));
}

#[test]
fn a_directory_is_walked_where_something_below_may_be_kept() {
    let rules = ignore("*\n!src/app/main.rs\n!**/*.proto\n");
    assert!(rules.may_keep_below("src"));
    assert!(rules.may_keep_below("anything"));
    let rules = ignore("*\n!src/app\n");
    assert!(rules.may_keep_below("src"));
    assert!(!rules.may_keep_below("target"));
    assert!(!ignore("target").may_keep_below("target"));
}

#[test]
fn what_is_no_pattern_is_found_with_its_line() {
    let (ignore, findings) = Ignore::parse(".dockerignore", "a\n!\n[b\nc\\\n");
    let lines: Vec<_> = findings.iter().map(|finding| finding.place.line).collect();
    assert_eq!(lines, [2, 3, 4]);
    assert!(ignore.ignores("a"));
}

#[test]
fn many_wildcards_do_not_take_forever() {
    let pattern = "*a".repeat(200);
    let path = "a".repeat(4000) + "b";
    assert!(!ignore(&pattern).ignores(&path));
}

proptest! {
    #[test]
    fn any_patterns_and_paths_can_be_tried(
        text in "([a-c*?!/\\[\\]\\\\.^-]{0,8}\n){0,5}",
        path in "[a-c/.]{0,12}",
    ) {
        let (ignore, _) = Ignore::parse(".dockerignore", &text);
        let ignored = ignore.ignores(&path);
        // What is kept below an ignored directory is found by walking.
        if !ignored && let Some((parent, _)) = path.rsplit_once('/') && ignore.ignores(parent)
            && !parent.is_empty() && !path.contains("//") && !path.contains('.') && !path.starts_with('/') && !path.ends_with('/')
        {
            prop_assert!(ignore.may_keep_below(parent), "{text:?} {path:?}");
        }
    }
}
