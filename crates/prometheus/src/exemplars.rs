//! `query_exemplars`.

use axum::extract::State;
use mainstay_promql::Query;
use mainstay_promql::ast::Expr;
use mainstay_series::Matcher;

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
    let mut sets = Vec::new();
    collect(query.expr(), &mut sets);
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

/// The matchers of every selector of an expression.
fn collect(expr: &Expr, into: &mut Vec<Vec<Matcher>>) {
    match expr {
        Expr::Aggregate(aggregate) => {
            collect(&aggregate.expr, into);
            if let Some(param) = &aggregate.param {
                collect(param, into);
            }
        }
        Expr::Binary(binary) => {
            collect(&binary.left, into);
            collect(&binary.right, into);
        }
        Expr::Call(call) => call.args.iter().for_each(|arg| collect(arg, into)),
        Expr::Matrix(matrix) => into.push(matrix.selector.matchers.clone()),
        Expr::Paren(paren) => collect(&paren.expr, into),
        Expr::Subquery(subquery) => collect(&subquery.expr, into),
        Expr::Unary(unary) => collect(&unary.expr, into),
        Expr::Selector(selector) => into.push(selector.matchers.clone()),
        Expr::Number(_) | Expr::String(_) => {}
    }
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
