//! `query_exemplars`.

use axum::extract::State;
use mainstay_promql::Query;

use crate::failure::Failure;
use crate::form::Form;
use crate::json::Json;
use crate::params;
use crate::pool::Ticket;
use crate::reply::{Answered, Reply};
use crate::routes::Api;
use crate::sources::Exemplar;

pub(crate) async fn exemplars(State(api): State<Api>, form: Form) -> Answered {
    let window = params::window(&form)?;
    if window.end_ms < window.start_ms {
        let message = "end timestamp must not be before start timestamp";
        return Err(Failure::bad_data(message));
    }
    let query = Query::parse(form.first("query")).map_err(|e| Failure::bad_data(e.to_string()))?;
    let selectors = query.expr().selectors().into_iter();
    let sets: Vec<_> = selectors.map(|one| one.matchers.clone()).collect();
    if sets.is_empty() {
        return Ok(Reply::NoContent);
    }
    let source = api.sources.exemplars.clone();
    let work = move |_: &Ticket| {
        let found = source.exemplars(&sets, window)?;
        Ok(Reply::data(|json| write(json, &found)))
    };
    api.lookups.run(api.options.timeout, work).await
}

fn write(json: &mut Json, found: &[Exemplar]) {
    json.open('[');
    for of_series in found.chunk_by(|a, b| a.series == b.series) {
        json.open('{')
            .key("seriesLabels")
            .labels(&of_series[0].series);
        json.key("exemplars").open('[');
        for exemplar in of_series {
            json.open('{').key("labels").labels(&exemplar.labels);
            json.key("value").value(exemplar.value);
            json.key("timestamp").time(exemplar.time_ms).close('}');
        }
        json.close(']').close('}');
    }
    json.close(']');
}
