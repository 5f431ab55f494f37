//! Who may depend on whom.
//!
//! Tiers 0 words, 1 pure engines, 2 shells, 3 assembly stand in each `Cargo.toml` under
//! `[package.metadata.mainstay]`. An engine may stand on another only where its noun contains the
//! other's, as a rule contains an expression, and says so: `contains = ["mainstay-promql"]`.
//! Dev-dependencies are exempt: a test may use what it likes.

use super::{assert_none, cargo};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an engine may not have below it, directly or through others.
const IMPURE: [&str; 5] = ["tokio", "hyper", "axum", "rustix", "rusqlite"];

struct Package {
    name: String,
    /// `None` for tools, examples and tests: nobody depends on them.
    tier: Option<u64>,
    /// Engines whose nouns this engine's noun contains.
    contains: Vec<String>,
    needs: Vec<String>,
}

fn packages() -> Vec<Package> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "cargo metadata: {output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    metadata["packages"]
        .as_array()
        .expect("packages is a list")
        .iter()
        .map(package)
        .collect()
}

fn package(package: &Value) -> Package {
    let name = package["name"].as_str().expect("has a name").to_owned();
    let tier = &package["metadata"]["mainstay"]["tier"];
    assert!(
        !tier.is_null(),
        "{name}: says no tier\n  mend: write `tier = …` under [package.metadata.mainstay] of its Cargo.toml"
    );
    let contains = package["metadata"]["mainstay"]["contains"].as_array();
    let contains = contains.into_iter().flatten().filter_map(Value::as_str);
    Package {
        tier: tier.as_u64(),
        contains: contains.map(str::to_owned).collect(),
        needs: package["dependencies"]
            .as_array()
            .expect("dependencies is a list")
            .iter()
            .filter(|need| need["kind"] != "dev")
            .filter_map(|need| need["name"].as_str().map(str::to_owned))
            .collect(),
        name,
    }
}

/// Words are made of words, and the parts of the assembly meet; engines and shells stand alone.
fn may_need(tier: u64, other: Option<u64>) -> bool {
    match other {
        Some(other) if other == tier => matches!(tier, 0 | 3),
        Some(other) => other < tier,
        None => false,
    }
}

#[test]
fn a_crate_depends_on_lower_tiers_only() {
    let packages = packages();
    let tiers: BTreeMap<&str, Option<u64>> = packages
        .iter()
        .map(|package| (package.name.as_str(), package.tier))
        .collect();
    let mut mistakes = Vec::new();
    for package in &packages {
        let Some(tier) = package.tier else { continue };
        for need in &package.needs {
            if tier == 1
                && tiers.get(need.as_str()) == Some(&Some(1))
                && package.contains.contains(need)
            {
                continue;
            }
            match tiers.get(need.as_str()) {
                Some(&other) if !may_need(tier, other) => mistakes.push(format!(
                    "{} (tier {tier}) depends on {need} (tier {})\n  mend: let the server bring them \
                     together, through a value or a trait that {} owns",
                    package.name,
                    other.map_or("none".to_owned(), |tier| tier.to_string()),
                    package.name
                )),
                _ => {}
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn words_and_engines_do_no_io() {
    let mut mistakes = Vec::new();
    for package in packages() {
        if !matches!(package.tier, Some(0 | 1)) {
            continue;
        }
        for below in everything_below(&package.name) {
            if IMPURE.contains(&below.as_str()) {
                mistakes.push(format!(
                    "{} has {below} below it\n  mend: take what it reads as an argument, and leave \
                     the reading to a crate of tier 2",
                    package.name
                ));
            }
        }
    }
    assert_none(&mistakes);
}

fn everything_below(package: &str) -> Vec<String> {
    let output = cargo()
        .args([
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "cargo tree: {output:?}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect()
}

#[test]
fn ring_is_the_one_tls_provider() {
    for other in ["aws-lc-rs", "openssl-sys", "native-tls"] {
        let output = cargo()
            .args(["tree", "--workspace", "--invert", other])
            .output()
            .expect("cargo can be started");
        assert!(
            !output.status.success(),
            "{other} is linked:\n{}\n  mend: turn off the default features of what brings it, and \
             ask for ring",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
