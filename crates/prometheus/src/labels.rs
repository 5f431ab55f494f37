//! `series`, `labels`, `label/<name>/values`.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use mainstay_series::{LabelQuery, Labels, Matcher, Selection, Storage, StorageError, Window};

use crate::escape;
use crate::failure::Failure;
use crate::form::Form;
use crate::params;
use crate::pool::Ticket;
use crate::reply::{Answered, Reply};
use crate::routes::Api;
use crate::time;

/// How often it is looked whether somebody still waits.
const CHECK_EACH: usize = 128;

pub(crate) async fn series(State(api): State<Api>, form: Form) -> Answered {
    if form.all("match[]").next().is_none() {
        return Err(Failure::bad_data("no match[] parameter provided"));
    }
    let limit = params::limit(&form)?;
    let window = params::window(&form)?;
    let sets = params::selectors(&form).map_err(|reason| Failure::parameter("match[]", reason))?;
    let storage = api.sources.storage.clone();
    let work = move |ticket: &Ticket| {
        let most = params::one_more(limit);
        let mut found = find(&*storage, &sets, window, most, ticket)?;
        let cut = cut(&mut found, limit);
        Ok(Reply::truncated(cut, |json| {
            json.open('[');
            for labels in &found {
                json.labels(labels);
            }
            json.close(']');
        }))
    };
    api.lookups.run(api.options.timeout, work).await
}

fn find(
    storage: &dyn Storage,
    sets: &[Vec<Matcher>],
    window: Window,
    most: usize,
    ticket: &Ticket,
) -> Result<Vec<Labels>, Failure> {
    let mut found = Vec::new();
    for set in sets {
        ticket.go_on()?;
        let selection = Selection {
            function: "series",
            ..Selection::new(set, window)
        };
        let selected = storage.select(&selection)?;
        let wanted = if most == 0 { selected.len() } else { most };
        for (at, series) in selected.iter().take(wanted).enumerate() {
            if at % CHECK_EACH == 0 {
                ticket.go_on()?;
            }
            found.push(series.labels().clone());
        }
    }
    if sets.len() > 1 {
        found.sort_unstable();
        found.dedup();
    }
    Ok(found)
}

/// Leaves so many. Whether any went.
fn cut<T>(all: &mut Vec<T>, limit: usize) -> bool {
    let over = limit > 0 && all.len() > limit;
    if over {
        all.truncate(limit);
    }
    over
}

pub(crate) async fn names(State(api): State<Api>, form: Form) -> Answered {
    listed(&api, &form, |storage, query| storage.label_names(query)).await
}

pub(crate) async fn values(
    State(api): State<Api>,
    Path(name): Path<String>,
    form: Form,
) -> Answered {
    let name = escape::unescaped(&name);
    if name.is_empty() {
        let message = format!("invalid label name: {}", time::quoted(&name));
        return Err(Failure::bad_data(message));
    }
    let look =
        move |storage: &dyn Storage, query: LabelQuery<'_>| storage.label_values(&name, query);
    listed(&api, &form, look).await
}

/// What a store answers to each selector, together.
async fn listed<L>(api: &Api, form: &Form, look: L) -> Answered
where
    L: Fn(&dyn Storage, LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError> + Send + 'static,
{
    let limit = params::limit(form)?;
    let window = params::window(form)?;
    let mut sets = params::selectors(form).map_err(Failure::bad_data)?;
    if sets.is_empty() {
        sets.push(Vec::new());
    }
    let storage = api.sources.storage.clone();
    let work = move |ticket: &Ticket| {
        let mut all = BTreeSet::new();
        for matchers in &sets {
            ticket.go_on()?;
            let query = LabelQuery {
                matchers,
                window,
                limit: params::one_more(limit),
            };
            all.append(&mut look(&*storage, query)?);
        }
        let mut all: Vec<String> = all.into_iter().collect();
        let cut = cut(&mut all, limit);
        Ok(Reply::truncated(cut, |json| _ = json.texts(&all)))
    };
    api.lookups.run(api.options.timeout, work).await
}
