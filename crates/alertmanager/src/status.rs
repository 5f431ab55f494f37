//! `/api/v2/status` and `/api/v2/receivers`.

use axum::extract::State;
use serde_json::json as value;

use crate::alerts::Receiver;
use crate::blocking::Api;
use crate::reply::{Answered, json};

pub(crate) async fn status(State(api): State<Api>) -> Answered {
    let work = |source: &dyn crate::Alerting| {
        let build = source.build();
        Ok(value!({
            "cluster": {"status": "disabled", "peers": []},
            "config": {"original": source.configuration()},
            "uptime": source.started_at(),
            "versionInfo": {
                "branch": "",
                "buildDate": "",
                "buildUser": "",
                "goVersion": "",
                "revision": build.revision,
                "version": build.version,
            },
        }))
    };
    Ok(json(&api.ask(work).await?))
}

pub(crate) async fn receivers(State(api): State<Api>) -> Answered {
    let work = |source: &dyn crate::Alerting| {
        let names = source.receivers().into_iter();
        Ok(names.map(|name| Receiver { name }).collect::<Vec<_>>())
    };
    Ok(json(&api.ask(work).await?))
}
