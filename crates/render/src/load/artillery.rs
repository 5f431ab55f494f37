//! Load tests for Artillery, a file for each level: `artillery run light.yml --target https://staging.example.org`.
//!
//! Source: Artillery's reference of test scripts (version 2).

use super::levels::{ERRORS_PERCENT, Kind, LEVELS, Level, P95_MS};
use super::paths::{TARGET, asked};
use crate::output::Rendering;
use crate::project::Project;
use mainstay_yaml::write::{Doc, Map};

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let paths = asked(project);
    for level in &LEVELS {
        out.yaml(format!("{}.yml", level.name), &[test(level, &paths).into()]);
    }
}

fn test(level: &Level, paths: &[String]) -> Map {
    Map::new()
        .comment(&format!(
            "{}: at most {} users for {} minutes",
            level.about, level.users, level.minutes
        ))
        .set("config", config(level, paths))
        .set("scenarios", scenarios(level.kind, paths))
}

fn config(level: &Level, paths: &[String]) -> Map {
    let ramp = level.users.div_ceil(level.rate);
    let phase = |name: &str, seconds: u32| {
        Doc::from(
            Map::new()
                .set("name", name)
                .set("duration", seconds)
                .set("arrivalRate", level.rate)
                .set("maxVusers", level.users),
        )
    };
    let rest = (level.minutes * 60).saturating_sub(ramp);
    let ensure = Map::new()
        .set("maxErrorRate", ERRORS_PERCENT)
        .set(
            "thresholds",
            vec![Doc::from(Map::new().set("http.response_time.p95", P95_MS))],
        )
        .set(
            "conditions",
            vec![Doc::from(Map::new().set("expression", answered_well()))],
        );
    let map = Map::new()
        .comment("Another one by `--target`.")
        .set("target", TARGET)
        .set("phases", vec![phase("ramp-up", ramp), phase("hold", rest)])
        .set("http", Map::new().set("timeout", 30))
        .comment("Beyond these the run ends with 1: people who got no answer, answers that are slow, answers that are errors.")
        .set("plugins", Map::new().set("ensure", Map::new()))
        .set("ensure", ensure);
    match level.kind {
        Kind::Cognitive => map
            .comment("What takes work: the stack does not say where. Another one by `--variables '{\"workPath\": \"/…\"}'`.")
            .set("variables", Map::new().set("workPath", [first(paths)])),
        _ => map,
    }
}

/// Of all requests, so many have an answer that is no error. The plugin `expect` would fail a run for a single one
/// that is not as it should be; `maxErrorRate` counts only who got no answer at all. A code that never came is no
/// number there, and its comparison is false.
fn answered_well() -> String {
    const GOOD: [u16; 8] = [200, 204, 301, 302, 303, 304, 307, 308];
    let counted = GOOD.map(|code| format!("(http.codes.{code} > 0 ? http.codes.{code} : 0)"));
    let share = 100 - ERRORS_PERCENT;
    format!("({}) * 100 >= {share} * http.requests", counted.join(" + "))
}

fn first(paths: &[String]) -> &str {
    paths.first().map_or("/", String::as_str)
}

fn get(path: &str) -> Doc {
    let get = Map::new().set("url", path);
    Map::new().set("get", get).into()
}

fn think(seconds: u32) -> Doc {
    Map::new().set("think", seconds).into()
}

fn scenario(name: &str, weight: u32, flow: Vec<Doc>) -> Doc {
    Map::new()
        .set("name", name)
        .set("weight", weight)
        .set("flow", flow)
        .into()
}

fn scenarios(kind: Kind, paths: &[String]) -> Vec<Doc> {
    let loops = |flow: Vec<Doc>, count: u32| {
        vec![Doc::from(Map::new().set("loop", flow).set("count", count))]
    };
    let with_thought: Vec<Doc> = paths
        .iter()
        .flat_map(|path| [get(path), think(2)])
        .collect();
    let plain: Vec<Doc> = paths.iter().map(|path| get(path)).collect();
    match kind {
        Kind::Mixed => vec![
            scenario("standard", 9, loops(with_thought, 5)),
            scenario(
                "admin",
                1,
                vec![get(first(paths)), think(5), get(first(paths))],
            ),
        ],
        Kind::Stress => vec![scenario("stress", 1, loops(plain, 50))],
        Kind::Cache => vec![scenario("cache", 1, loops(vec![get(first(paths))], 20))],
        Kind::Cognitive => vec![scenario(
            "cognitive",
            1,
            loops(vec![get("{{ workPath }}"), think(1)], 5),
        )],
    }
}
