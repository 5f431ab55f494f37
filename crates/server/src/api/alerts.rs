//! Alertmanager's HTTP API, below `/alertmanager`, and what people do with alerts besides.

use super::auth::Actor;
use super::sent::Sent;
use super::types::{
    AlertQuestion, AlertTouch, AlertWay, AlertsTouched, ApiError, ErrorCode, OnCallNow,
    ReceiverTest, ReceiverTested, Role,
};
use crate::alerts::Alerts;
use crate::alerts::by_hand::Touch;
use crate::alerts::source::Answers;
use crate::control::{Control, now};
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use mainstay_alert::beyond::Recurring;
use mainstay_alertmanager::{Access, access};
use mainstay_model::Timestamp;
use std::sync::Arc;

/// Answers, or says why there is nothing to answer from.
pub(super) fn router(control: &Control) -> Router {
    match &control.alerts {
        Some(alerts) => {
            let answers = Answers {
                alerts: Arc::clone(alerts),
                runtime: tokio::runtime::Handle::current(),
            };
            mainstay_alertmanager::router(Arc::new(answers)).layer(middleware::from_fn(allowed))
        }
        None => Router::new().fallback(off),
    }
}

/// What there is beside Alertmanager's API.
pub(super) fn routes() -> Router<Arc<Control>> {
    Router::new()
        .route(
            "/api/v1/silences/recurring",
            get(recurring).post(set_recurring),
        )
        .route("/api/v1/silences/recurring/{id}", delete(remove_recurring))
        .route("/api/v1/oncall", get(on_call))
        .route("/api/v1/alerts/why", post(why))
        .route("/api/v1/alerts/test", post(test))
        .route("/api/v1/alerts/{touch}", post(touch))
}

async fn off() -> ApiError {
    off_error()
}

fn off_error() -> ApiError {
    let error = ApiError::new(ErrorCode::NotFound, "this server tells nobody of alerts");
    error.hint("see `alerts` in server.yaml, and the server's log where it is not switched off")
}

/// Reads are anybody's who may see the server; alerts and silences an operator's, the rest an admin's.
async fn allowed(actor: Actor, request: Request, next: Next) -> Response {
    let role = match access(request.method(), request.uri().path()) {
        Access::Read => Role::Viewer,
        Access::Alert | Access::Silence => Role::Operator,
        Access::Admin => Role::Admin,
    };
    match actor.needs(role) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

type Answer<T> = Result<Json<T>, ApiError>;

fn alerts(control: &Control) -> Result<&Arc<Alerts>, ApiError> {
    control.alerts.as_ref().ok_or_else(off_error)
}

pub(super) async fn why(
    State(control): State<Arc<Control>>,
    actor: Actor,
    Sent(question): Sent<AlertQuestion>,
) -> Answer<Vec<AlertWay>> {
    actor.needs(Role::Viewer)?;
    let why = alerts(&control)?.why(control.rules.as_ref(), question);
    why.await.map(Json).map_err(ApiError::unavailable)
}

pub(super) async fn touch(
    State(control): State<Arc<Control>>,
    Path(touch): Path<String>,
    actor: Actor,
    Sent(said): Sent<AlertTouch>,
) -> Answer<AlertsTouched> {
    actor.needs(Role::Operator)?;
    let (kind, touch) = match touch.as_str() {
        "acknowledge" => ("alert.acknowledged", Touch::Acknowledge),
        "mute" => ("alert.muted", Touch::Mute),
        "take-back" => ("alert.taken-back", Touch::TakeBack),
        other => return Err(ApiError::not_found(format!("alerts cannot be `{other}`"))),
    };
    let AlertTouch { which, comment } = said;
    let name = which.name.clone();
    let by = actor.name.clone();
    let touched = alerts(&control)?.touch(which, touch, by, comment.clone());
    let alerts = touched.await.map_err(ApiError::unavailable)?;
    if alerts.is_empty() {
        return Err(
            ApiError::not_found(format!("no alert `{name}` fires with those labels"))
                .hint("`mainstay alerts` lists what fires"),
        );
    }
    let message = format!("{} of {name}: {comment}", alerts.len());
    control
        .record_machine_event(kind, &name, message, &actor)
        .await?;
    Ok(Json(AlertsTouched { alerts }))
}

pub(super) async fn test(
    State(control): State<Arc<Control>>,
    actor: Actor,
    Sent(test): Sent<ReceiverTest>,
) -> Answer<Vec<ReceiverTested>> {
    actor.needs(Role::Operator)?;
    let alerts = alerts(&control)?;
    let tested = alerts.test(&test.receiver, &control.url()).await;
    let tested = tested.ok_or_else(|| {
        let config = alerts.in_force().config;
        let names = config
            .receivers
            .iter()
            .map(|receiver| receiver.name.as_str());
        let names: Vec<&str> = names.collect();
        let error = ApiError::not_found(format!("there is no receiver `{}`", test.receiver));
        match mainstay_model::did_you_mean(&test.receiver, names.iter().copied()) {
            Some(name) => error.hint(format!("did you mean `{name}`?")),
            None => error.hint(format!("there are {}", names.join(", "))),
        }
    })?;
    let failed = tested.iter().filter(|one| one.error.is_some()).count();
    let message = format!(
        "{} of {} integrations were told",
        tested.len() - failed,
        tested.len()
    );
    control
        .record_machine_event("receiver.tested", &test.receiver, message, &actor)
        .await?;
    Ok(Json(tested))
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct At {
    at: Option<i64>,
}

pub(super) async fn on_call(
    State(control): State<Arc<Control>>,
    Query(asked): Query<At>,
    actor: Actor,
) -> Answer<Vec<OnCallNow>> {
    actor.needs(Role::Viewer)?;
    let at = asked.at.map_or_else(now, Timestamp::from_millis);
    let rotas = alerts(&control)?.on_call(at).into_iter();
    let shown = rotas.map(|(rota, who)| OnCallNow {
        rota,
        from: who.as_ref().map(|who| who.from),
        until: who.as_ref().map(|who| who.until),
        receiver: who.as_ref().map(|who| who.person.receiver.clone()),
        person: who.map(|who| who.person.name),
    });
    Ok(Json(shown.collect()))
}

pub(super) async fn recurring(
    State(control): State<Arc<Control>>,
    actor: Actor,
) -> Answer<Vec<Recurring>> {
    actor.needs(Role::Viewer)?;
    let recurring = alerts(&control)?.recurring().await;
    recurring.map(Json).map_err(ApiError::unavailable)
}

/// Sets one; its id and who made it are the server's to say.
pub(super) async fn set_recurring(
    State(control): State<Arc<Control>>,
    actor: Actor,
    Sent(mut recurring): Sent<Recurring>,
) -> Answer<Recurring> {
    actor.needs(Role::Operator)?;
    recurring.id = uuid::Uuid::now_v7().to_string();
    let set = alerts(&control)?.set_recurring(recurring.clone()).await;
    let set = set.map_err(ApiError::unavailable)?;
    set.map_err(|error| {
        let words = error.to_string();
        match words.split_once("\n  hint: ") {
            Some((message, hint)) => ApiError::invalid(message).hint(hint),
            None => ApiError::invalid(words),
        }
    })?;
    let (id, comment) = (recurring.id.clone(), recurring.comment.clone());
    let said = control.record_machine_event("silence.recurring", &id, comment, &actor);
    said.await?;
    Ok(Json(recurring))
}

pub(super) async fn remove_recurring(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    actor: Actor,
) -> Answer<()> {
    actor.needs(Role::Operator)?;
    let removed = alerts(&control)?.remove_recurring(id.clone()).await;
    if !removed.map_err(ApiError::unavailable)? {
        return Err(
            ApiError::not_found(format!("there is no recurring silence `{id}`"))
                .hint("`mainstay silence list` shows them"),
        );
    }
    let said = control.record_machine_event("silence.ended", &id, String::new(), &actor);
    said.await?;
    Ok(Json(()))
}
