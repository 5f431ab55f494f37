//! `status/*`.

use axum::extract::State;

use crate::failure::Failure;
use crate::form::Form;
use crate::params;
use crate::pool::Ticket;
use crate::reply::{Answered, Reply};
use crate::routes::Api;
use crate::sources::TsdbStatus;

/// How many entries a list of `status/tsdb` has, and how many it may have at most.
const DEFAULT_ENTRIES: usize = 10;
const MAX_ENTRIES: usize = 10_000;

pub(crate) async fn configuration(State(api): State<Api>) -> Answered {
    let yaml = api.sources.status.configuration();
    Ok(Reply::data(|json| {
        json.open('{').key("yaml").text(&yaml).close('}');
    }))
}

pub(crate) async fn flags(State(api): State<Api>) -> Answered {
    let flags = api.sources.status.flags();
    Ok(Reply::data(|json| _ = json.serde(&flags)))
}

pub(crate) async fn runtime(State(api): State<Api>) -> Answered {
    let info = api.sources.status.runtime();
    Ok(Reply::data(|json| _ = json.serde(&info)))
}

pub(crate) async fn build(State(api): State<Api>) -> Answered {
    let info = api.sources.status.build();
    Ok(Reply::data(|json| _ = json.serde(&info)))
}

pub(crate) async fn wal_replay(State(api): State<Api>) -> Answered {
    let replay = api.sources.status.wal_replay();
    Ok(Reply::data(|json| _ = json.serde(&replay)))
}

pub(crate) async fn tsdb(State(api): State<Api>, form: Form) -> Answered {
    let limit = match form.first("limit") {
        "" => DEFAULT_ENTRIES,
        text => params::whole_number(text)
            .ok()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number > 0)
            .ok_or_else(|| Failure::bad_data("limit must be a positive number"))?,
    };
    if limit > MAX_ENTRIES {
        let message = format!("limit must not exceed {MAX_ENTRIES}");
        return Err(Failure::bad_data(message));
    }
    let status = api.sources.status.clone();
    let work = move |_: &Ticket| Ok(written(&status.tsdb(limit)?));
    api.lookups.run(api.options.timeout, work).await
}

fn written(status: &TsdbStatus) -> Reply {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Reply::data(|json| {
        json.open('{').key("headStats").open('{');
        json.key("numSeries").integer(count(status.series));
        json.key("numLabelPairs").integer(count(status.label_pairs));
        json.key("chunkCount").integer(status.chunks);
        json.key("minTime").integer(status.min_time_ms);
        json.key("maxTime").integer(status.max_time_ms).close('}');
        json.key("seriesCountByMetricName")
            .serde(&status.series_by_metric);
        json.key("labelValueCountByLabelName")
            .serde(&status.values_by_label);
        json.key("memoryInBytesByLabelName")
            .serde(&status.bytes_by_label);
        json.key("seriesCountByLabelValuePair")
            .serde(&status.series_by_pair);
        json.close('}');
    })
}
