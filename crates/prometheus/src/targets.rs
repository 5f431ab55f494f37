//! `targets` and `scrape_pools`.

use axum::extract::State;

use crate::form::Address;
use crate::json::Json;
use crate::reply::{Answered, Reply};
use crate::routes::Api;
use crate::sources::{ActiveTarget, DroppedTarget};
use crate::time;

pub(crate) async fn pools(State(api): State<Api>) -> Answered {
    api.lookup(|sources| {
        let mut pools = sources.targets.pools();
        pools.sort();
        Reply::data(|json| {
            json.open('{').key("scrapePools").texts(&pools).close('}');
        })
    })
    .await
}

pub(crate) async fn targets(State(api): State<Api>, Address(form): Address) -> Answered {
    let state = form.first("state").to_lowercase();
    let shown = move |kind: &str| matches!(state.as_str(), "" | "any") || state == kind;
    let pool = form.first("scrapePool").to_owned();
    let wanted = move |name: &str| pool.is_empty() || pool == name;
    api.lookup(move |sources| {
        let targets = &*sources.targets;
        Reply::data(|json| {
            json.open('{').key("activeTargets").open('[');
            if shown("active") {
                write_all_active(json, targets.active(), &wanted);
            }
            json.close(']').key("droppedTargets").open('[');
            if shown("dropped") {
                write_all_dropped(json, targets.dropped(), &wanted);
            }
            json.close(']').key("droppedTargetCounts");
            if shown("dropped") {
                json.serde(&targets.dropped_counts());
            } else {
                json.serde(&());
            }
            json.close('}');
        })
    })
    .await
}

fn write_all_active(json: &mut Json, mut all: Vec<ActiveTarget>, wanted: &dyn Fn(&str) -> bool) {
    all.sort_by(|a, b| a.pool.cmp(&b.pool));
    for target in all.iter().filter(|target| wanted(&target.pool)) {
        write_active(json, target);
    }
}

fn write_all_dropped(json: &mut Json, mut all: Vec<DroppedTarget>, wanted: &dyn Fn(&str) -> bool) {
    all.sort_by(|a, b| a.pool.cmp(&b.pool));
    for target in all.iter().filter(|target| wanted(&target.pool)) {
        json.open('{').key("discoveredLabels");
        json.labels(&target.discovered);
        json.key("scrapePool").text(&target.pool).close('}');
    }
}

fn write_active(json: &mut Json, target: &ActiveTarget) {
    let global = Some(&target.global_url).filter(|url| !url.is_empty());
    json.open('{');
    json.key("discoveredLabels").labels(&target.discovered);
    json.key("labels").labels(&target.labels);
    json.key("scrapePool").text(&target.pool);
    json.key("scrapeUrl").text(&target.url);
    json.key("globalUrl").text(global.unwrap_or(&target.url));
    json.key("lastError").text(&target.last_error);
    json.key("lastScrape")
        .text(&time::rfc3339(target.last_scrape_ms));
    json.key("lastScrapeDuration")
        .number(target.last_duration.as_secs_f64());
    json.key("health").text(target.health.as_str());
    json.key("scrapeInterval")
        .text(&mainstay_targets::format_duration(target.interval));
    json.key("scrapeTimeout")
        .text(&mainstay_targets::format_duration(target.timeout));
    json.close('}');
}
