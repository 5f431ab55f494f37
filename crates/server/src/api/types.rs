//! What stands on the wire between the CLI (or any client) and the server, under `/api/v1/`.
//!
//! Every body is JSON, every time RFC 3339 in UTC, every duration in milliseconds. A mutation
//! takes an `Idempotency-Key` header and answers an [`Operation`], or a [`BackupJob`]; the same key within a day
//! answers the same one. Errors are [`ApiError`] with the status that fits.
//!
//! | method and path | body → answer |
//! |---|---|
//! | `GET /health` | → `{"status":"ok"}` |
//! | `GET /status` | → [`ServerStatus`] |
//! | `GET /metrics` | → Prometheus text of Mainstay itself and of the proxy |
//! | `POST /api/v1/metrics/backfill` | OpenMetrics with times → [`Backfilled`] |
//! | `GET, POST /api/v1/silences/recurring`, `DELETE …/{id}` | silences of every week, as `mainstay_alert::beyond::Recurring` |
//! | `GET /api/v1/oncall?at=` | milliseconds since the epoch, or now → `[OnCallNow]` |
//! | `POST /api/v1/alerts/why` | [`AlertQuestion`] → `[AlertWay]` |
//! | `POST /api/v1/alerts/{acknowledge,mute,take-back}` | [`AlertTouch`] → [`AlertsTouched`] |
//! | `POST /api/v1/alerts/test` | [`ReceiverTest`] → `[ReceiverTested]` |
//! | `GET /api/v1/environments` | → `[EnvironmentSummary]` |
//! | `GET /api/v1/environments/{stack}/{environment}` | → [`EnvironmentStatus`] |
//! | `DELETE /api/v1/environments/{stack}/{environment}` | → 200; refused while something runs there |
//! | `GET, HEAD, PUT /api/v1/artifacts/{sha256}` | bytes → 200, 404 or 201 |
//! | `POST …/{stack}/{environment}/deploy` | [`DeployRequest`] → [`Operation`] |
//! | `GET …/requests` | → `[ApprovalRequest]`: what waits for approval |
//! | `POST …/infra` | [`InfraRequest`] → [`InfraAnswer`] |
//! | `POST /api/v1/operations/{id}/{approve,reject}` | [`Decision`] → [`Decided`] |
//! | `POST …/rollback` | [`RollbackRequest`] → [`Operation`] |
//! | `POST …/scale` | [`ScaleRequest`] → [`Operation`] |
//! | `POST …/restart` | [`RestartRequest`] → [`Operation`] |
//! | `POST …/down` | [`DownRequest`] → [`Operation`] |
//! | `GET …/releases`, `GET …/releases/{number}` | → `[Release]`, [`ReleaseDetail`] |
//! | `GET …/secrets` | → `[SecretStatus]` |
//! | `GET …/rollout` | → [`RolloutStatus`], the running or the last one; 404: none yet |
//! | `POST …/rollout/{pause,resume,abort}` | [`RolloutCommand`] → [`RolloutStatus`] |
//! | `GET /api/v1/operations/{id}` | → [`Operation`] |
//! | `GET /api/v1/events?stack=&environment=&operation=&after=&limit=&follow=` | → `[Event]`, or server-sent events (`id:` is `seq`) |
//! | `GET …/logs?service=&instance=&tail=&since=&follow=` | → [`LogLine`] as server-sent events |
//! | `GET …/exec` | upgraded to a WebSocket: the first text frame is an [`ExecRequest`], binary frames are `[stream byte][data]` (0 in, 1 out, 2 err; an empty 0 frame ends the input), the last text frame is an [`ExecExit`] |
//! | `GET …/forward` | query [`ForwardQuery`], upgraded to a WebSocket: binary frames are bytes of one TCP connection, an empty one ends its direction |
//! | `POST …/images/build` | one line of JSON ([`ImageBuild`]), then a tar archive → [`ImageMessage`]s, one a line |
//! | `POST …/images/pull` | [`ImagePull`] → [`ImageMessage`]s, one a line |
//! | `POST …/images/{list,prune,audit}` | [`ImageQuery`], [`ImageAudit`] → `[ListedImage]`, [`Pruned`], `[Finding]` |
//! | `GET …/backups` | → [`BackupsStatus`] |
//! | `POST …/backups` | [`CreateBackup`] → [`BackupJob`] |
//! | `POST …/backups/{verify,drill}` | [`OnPoint`] → [`BackupJob`] |
//! | `POST …/backups/restore` | [`RestoreRequest`] → [`BackupJob`] |
//! | `GET, POST …/backups/prune` | → [`Pruning`]; [`PruneRequest`] → [`BackupJob`] |
//! | `POST …/backups/copy` | [`PruneRequest`] → [`BackupJob`] |
//! | `GET …/backups/jobs/{id}`, `POST …/backups/jobs/{id}/cancel` | → [`BackupJob`] |
//! | `GET, POST …/backups/keys`, `POST …/backups/keys/rotate` | [`NewBackupKey`] → [`BackupKey`] |
//! | `GET …/backups/keys/export` | → [`NewBackupKey`] |
//! | `POST …/backups/adopt` | [`AdoptBackups`] → 200 |
//! | `GET …/doctor` | → `[Diagnosis]` |
//! | `GET /api/v1/journal/verify` | → [`JournalVerdict`] |
//! | `GET, POST /api/v1/tokens`, `DELETE /api/v1/tokens/{name}` | [`TokenRequest`] → [`TokenCreated`] |
//! | `POST /api/v1/shutdown` | → 202; the server ends, instances and proxy stay unless [`ShutdownRequest`] says otherwise |

pub use super::alert_types::*;
pub use super::approval_types::*;
pub use super::backup_types::*;
pub use super::image_types::*;
pub use super::release_types::*;

use mainstay_model::{InstanceId, ReleaseNumber, Scope, ServiceName, Step, Timestamp, duration_ms};
use mainstay_stack::Stack;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// An answer that is not 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub code: ErrorCode,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Decides status and exit code: the user's input (2), the environment (1), a bug (70).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the request itself.
    Invalid,
    /// 401 and 403.
    Denied,
    /// 404.
    NotFound,
    /// 409: a rollout runs already, nothing to roll back to …
    Conflict,
    /// 501: honest about what is not there yet.
    NotSupported,
    /// 503: disk full, proxy not reachable, shutting down …
    Unavailable,
    /// 500: a bug.
    Internal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    pub version: String,
    pub pid: u32,
    pub started_at: Timestamp,
    /// Started by `up`, in the background: ends with the last environment that is taken down.
    pub background: bool,
    pub directory: PathBuf,
    pub api: Option<SocketAddr>,
    pub proxy: ProxyStatus,
    pub environments: Vec<EnvironmentSummary>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStatus {
    /// `None`: not answering; the reason stands in `problem`.
    pub pid: Option<u32>,
    pub problem: Option<String>,
    pub listeners: Vec<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentSummary {
    pub scope: Scope,
    pub release: Option<ReleaseNumber>,
    pub state: EnvironmentState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentState {
    /// Everything wanted is healthy.
    Up,
    /// Something wanted is not healthy.
    Degraded,
    /// A rollout runs.
    RollingOut,
    Down,
}

/// `mainstay status` and `ps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentStatus {
    pub scope: Scope,
    pub state: EnvironmentState,
    pub release: Option<Release>,
    /// Where people reach it: `http://127.0.0.1:8080/`.
    pub urls: Vec<RouteUrl>,
    pub services: Vec<ServiceStatus>,
    pub rollout: Option<RolloutStatus>,
    /// What waits for approval.
    #[serde(default)]
    pub requests: Vec<ApprovalRequest>,
    #[serde(default)]
    pub monitoring: mainstay_stack::policy::Monitoring,
    /// What is wrong and what to do next, most important first.
    pub problems: Vec<Diagnosis>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteUrl {
    pub url: String,
    pub service: ServiceName,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    pub name: ServiceName,
    pub wanted: u32,
    pub healthy: u32,
    pub instances: Vec<InstanceReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceReport {
    pub id: InstanceId,
    /// `starting`, `healthy`, `unhealthy`, `restarting`, `stopping`, `exited`, `crash loop`, `not started`
    pub phase: String,
    pub since: Timestamp,
    pub started_at: Option<Timestamp>,
    pub address: Option<SocketAddr>,
    pub pid: Option<i32>,
    pub restarts: u32,
    /// `exit code 3`, `GET /health: 503`
    pub detail: Option<String>,
    /// Share of the traffic; `None`: not routed.
    pub weight: Option<u32>,
    pub in_flight: u64,
    pub rss_bytes: Option<u64>,
    pub cpu_seconds: Option<f64>,
    pub warnings: Vec<String>,
}

/// Files of the user, by their path from the stack's directory.
pub type Files = BTreeMap<PathBuf, mainstay_model::Secret<String>>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployRequest {
    /// Resolved by the client; the server never reads the user's files.
    pub stack: Stack,
    /// Path as in `ProcessRun::artifacts` → SHA-256, uploaded before.
    pub artifacts: BTreeMap<PathBuf, String>,
    /// What each service runs on a container target; an image that is not named here is looked up
    /// on the engine by the name that the stack gives it.
    #[serde(default)]
    pub images: BTreeMap<ServiceName, ImageRecord>,
    /// What the stack was resolved from: path from its directory → text. Kept so that a restore point has it.
    #[serde(default)]
    pub files: Files,
    /// It brings the stack back from this restore point, past the policy: an admin's.
    #[serde(default)]
    pub recovered_from: Option<mainstay_recovery::PointName>,
    pub description: Option<String>,
    pub tag: Option<String>,
    pub commit: Option<String>,
    /// Replace every instance, also those of unchanged services.
    pub force: bool,
    /// The files have changes that are in no commit.
    #[serde(default)]
    pub dirty: bool,
    #[serde(default)]
    pub branch: Option<String>,
    #[serde(default)]
    pub promoted_from: Option<Promotion>,
    #[serde(default)]
    pub notes: Option<Notes>,
    /// Steps that are left out on purpose, and why.
    #[serde(default)]
    pub waive: BTreeMap<Step, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct RollbackRequest {
    /// Number, tag or commit (prefix); none: the release before.
    pub to: Option<String>,
    pub reason: Option<String>,
    /// Also where the schema forbids it.
    #[serde(default)]
    pub force: bool,
    /// Take the schema back first, by the newer release's command.
    #[serde(default)]
    pub downgrade: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleRequest {
    pub replicas: BTreeMap<ServiceName, u32>,
}

/// Empty: every service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct RestartRequest {
    pub services: Vec<ServiceName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct DownRequest {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ShutdownRequest {
    /// Ends the proxy as well; refused while an environment is up.
    pub proxy: bool,
}

/// Something that was asked for and takes a while. Its progress are the events that carry its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub id: Uuid,
    pub scope: Scope,
    pub kind: OperationKind,
    pub release: Option<ReleaseNumber>,
    pub started_at: Timestamp,
    pub outcome: Option<OperationOutcome>,
    /// It has not begun: what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    Deploy,
    Rollback,
    Scale,
    Restart,
    Down,
    /// A change of the infrastructure: the client makes it, the server knows who agreed to it.
    Infra,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationOutcome {
    pub result: OperationResult,
    pub reason: String,
    pub finished_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationResult {
    Succeeded,
    /// Nothing had changed.
    Unchanged,
    /// The old release runs again (or still).
    RolledBack,
    Failed,
    /// Somebody decided against it; nothing was touched.
    Rejected,
    /// Nobody decided on it in time; nothing was touched.
    Expired,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub number: ReleaseNumber,
    pub created_at: Timestamp,
    pub by: String,
    pub description: Option<String>,
    pub tag: Option<String>,
    pub commit: Option<String>,
    pub status: ReleaseStatus,
    /// Which release started the instances of each service.
    pub services: BTreeMap<ServiceName, ReleaseNumber>,
    /// When it was last watched through.
    #[serde(default)]
    pub verified_at: Option<Timestamp>,
    #[serde(default)]
    pub promoted_from: Option<Promotion>,
}

/// A secret of the current release; its value is nowhere in any answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretStatus {
    pub name: String,
    /// For people: `variable DATABASE_PASSWORD`, `vault kv/data/shop, key token`.
    pub source: String,
    /// Those that get it.
    pub services: BTreeSet<ServiceName>,
    /// The release that brought the value it has.
    pub release: ReleaseNumber,
    pub changed_at: Timestamp,
    /// The beginning of a hash under the host key: tells equal from different.
    pub fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseStatus {
    RollingOut,
    Current,
    /// Was current once; can be rolled back to.
    Superseded,
    /// Never became current.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseDetail {
    pub release: Release,
    /// The resolved stack with secret values hidden.
    pub stack: serde_json::Value,
    pub artifacts: BTreeMap<PathBuf, String>,
    /// What exactly each service runs on a container target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<ServiceName, ImageRecord>,
    #[serde(default)]
    pub record: Record,
    /// Of its deploy, then of rollbacks to it.
    #[serde(default)]
    pub pipelines: Vec<PipelineReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutStatus {
    pub operation: Operation,
    pub from: Option<ReleaseNumber>,
    pub to: ReleaseNumber,
    /// `hook`, `rolling app`, `watching`, `rolling back`, `paused`, `finished` …
    pub phase: String,
    /// What it waits for, with its reason.
    pub hold: Option<String>,
    pub paused: bool,
    #[serde(with = "duration_ms")]
    pub elapsed: Duration,
    pub services: Vec<RolloutProgress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutProgress {
    pub service: ServiceName,
    pub new_wanted: u32,
    pub new_ready: u32,
    pub old_left: u32,
    /// Share of the traffic that the new instances have, in percent.
    pub traffic_percent: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct RolloutCommand {
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub seq: u64,
    pub time: Timestamp,
    pub scope: Option<Scope>,
    /// `rollout.started`, `instance.healthy`, `token.created` …
    pub kind: String,
    pub operation: Option<Uuid>,
    pub release: Option<ReleaseNumber>,
    /// What it is about: an instance, a service.
    pub subject: Option<String>,
    pub message: String,
    pub actor: Option<String>,
    pub data: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub time: Timestamp,
    pub instance: InstanceId,
    /// `stdout` or `stderr`
    pub stream: String,
    pub line: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    /// A service (its first healthy instance) or an instance.
    pub subject: String,
    pub command: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecExit {
    pub code: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardQuery {
    /// A service (its first healthy instance) or an instance.
    pub subject: String,
    /// As the instance calls it; none: the one it is reached at.
    pub port: Option<u16>,
}

/// What is wrong, how it is known, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// `port-taken`, `command-not-found`, `exits-at-once`, `health-never-passes`, `dependency-down`, `disk-full` …
    pub code: String,
    pub subject: Option<String>,
    pub message: String,
    /// The last log lines, a probe's answer …
    pub evidence: Vec<String>,
    pub hint: String,
}

/// What became of a file of samples of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfilled {
    pub samples: u64,
    pub blocks: usize,
}

/// One certificate that is served or wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub source: CertificateSource,
    /// That it is for; empty where nothing could be read yet.
    pub names: Vec<String>,
    pub issuer: Option<String>,
    pub not_after: Option<Timestamp>,
    /// When the authority is asked for the next one.
    pub next_renewal: Option<Timestamp>,
    pub path: Option<PathBuf>,
    /// Why there is none, or why it is not replaced.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateSource {
    /// Named in `server.yaml`.
    File,
    /// Had from an authority.
    Acme,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalVerdict {
    pub intact: bool,
    pub events: u64,
    /// Hash of the last event, hex: keep it elsewhere to notice tampering later.
    pub head: String,
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRequest {
    pub name: String,
    pub role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Viewer,
    Operator,
    Admin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub created_by: String,
}

/// The only time the token itself is seen: it is stored hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCreated {
    pub token: Token,
    pub secret: mainstay_model::Secret<String>,
}
