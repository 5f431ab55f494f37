//! `admin/tsdb/*`: deleting and snapshots, where they are allowed.

use std::sync::Arc;

use axum::extract::State;

use crate::failure::{Failure, Kind};
use crate::form::Form;
use crate::params;
use crate::pool::Ticket;
use crate::reply::{Answered, Reply};
use crate::routes::Api;
use crate::sources::Admin;

fn allowed(api: &Api) -> Result<Arc<dyn Admin>, Failure> {
    let admin = api.sources.admin.clone();
    admin.ok_or_else(|| Failure::new(Kind::Disabled, "admin APIs disabled"))
}

pub(crate) async fn delete_series(State(api): State<Api>, form: Form) -> Answered {
    let admin = allowed(&api)?;
    if form.all("match[]").next().is_none() {
        return Err(Failure::bad_data("no match[] parameter provided"));
    }
    let window = params::window(&form)?;
    // All of them first: half a deletion because of a typing error would be worse than none.
    let sets: Vec<_> = form
        .all("match[]")
        .map(params::selector)
        .collect::<Result<_, _>>()
        .map_err(|reason| Failure::parameter("match[]", reason))?;
    if sets.iter().any(Vec::is_empty) {
        return Err(Failure::parameter("match[]", "a selector without matchers"));
    }
    let work = move |_: &Ticket| {
        for set in &sets {
            admin.delete_series(set, window)?;
        }
        Ok(Reply::NoContent)
    };
    api.lookups.run(api.options.admin_timeout, work).await
}

pub(crate) async fn clean_tombstones(State(api): State<Api>) -> Answered {
    let admin = allowed(&api)?;
    let work = move |_: &Ticket| {
        admin.clean_tombstones()?;
        Ok(Reply::NoContent)
    };
    api.lookups.run(api.options.admin_timeout, work).await
}

pub(crate) async fn snapshot(State(api): State<Api>, form: Form) -> Answered {
    let admin = allowed(&api)?;
    let skip_head = match form.first("skip_head") {
        "" | "0" | "f" | "F" | "false" | "False" | "FALSE" => false,
        "1" | "t" | "T" | "true" | "True" | "TRUE" => true,
        text => {
            let text = crate::time::quoted(text);
            let reason = format!(
                "unable to parse boolean: strconv.ParseBool: parsing {text}: invalid syntax"
            );
            return Err(Failure::parameter("skip_head", reason));
        }
    };
    let work = move |_: &Ticket| {
        let name = admin
            .snapshot(skip_head)
            .map_err(|error| Failure::new(Kind::Internal, format!("create snapshot: {error}")))?;
        Ok(Reply::data(|json| {
            json.open('{').key("name").text(&name).close('}');
        }))
    };
    api.lookups.run(api.options.admin_timeout, work).await
}
