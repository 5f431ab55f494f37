//! The certificates: which hosts want one of an authority, having it made, and what is shown of
//! all of them.
//!
//! A host wants one where a route names it and no certificate from a file is for it. Whatever goes
//! wrong here is written down and shown; what is served goes on being served.

mod report;

use crate::api::types::ApiError;
use crate::control::{Control, now};
use crate::traffic::Share;
use mainstay_certificates::authority::Settings;
use mainstay_certificates::{Action, Authority, Event, Proof, Prover, Schedule, Store, StoreError};
use mainstay_journal::NewEvent;
use mainstay_model::Timestamp;
use mainstay_proxy::config::Challenges;
use mainstay_stack::server_file::{Acme, ChallengeKind};
use mainstay_x509::{Facts, Pair};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Between looks at what the routes name.
const LOOK: Duration = Duration::from_secs(2);
/// Why a host with a wildcard gets none.
const WILDCARD: &str = "an authority gives out wildcards for DNS-01 only, which is not supported";
const ADDRESS: &str = "an authority gives out certificates for names, and this is an address";

/// What is had of one authority.
#[derive(Debug)]
pub struct Certificates {
    authority: Authority,
    store: Store,
    schedule: Mutex<Schedule>,
    /// Hosts that want one and cannot have it, and why.
    refused: Mutex<BTreeMap<String, &'static str>>,
    wake: Notify,
}

impl Certificates {
    pub fn open(directory: &Path, acme: &Acme) -> Result<Self, StoreError> {
        let store = Store::open(directory)?;
        let settings = Settings {
            directory: acme.directory.clone(),
            email: acme.email.clone(),
            ca: acme.ca.clone(),
            by_tls: acme.challenge == ChallengeKind::TlsAlpn01,
        };
        let troubles = store.troubles().unwrap_or_else(|error| {
            tracing::warn!(%error, "what failed before is not known");
            BTreeMap::new()
        });
        Ok(Self {
            authority: Authority::new(settings, store.clone()),
            store,
            schedule: Mutex::new(Schedule::new(troubles)),
            refused: Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// What was had before, so that a new server changes nothing of what is served.
    pub(crate) fn kept(&self) -> BTreeMap<String, std::path::PathBuf> {
        let hosts = self.store.hosts().into_iter();
        hosts
            .map(|host| {
                let path = self.store.path(&host);
                (host, path)
            })
            .collect()
    }

    fn schedule(&self) -> std::sync::MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, &'static str>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, event: Event) -> Vec<Action> {
        let mut schedule = self.schedule();
        let before = schedule.troubles();
        let actions = schedule.step(event, now());
        let after = schedule.troubles();
        drop(schedule);
        if before != after
            && let Err(error) = self.store.keep_troubles(after)
        {
            tracing::warn!(%error, "what failed is forgotten when the server ends");
        }
        actions
    }
}

/// Has certificates made until the server stops; without an authority there is nothing to do.
pub(crate) async fn run(control: Arc<Control>) {
    let Some(certificates) = &control.certificates else {
        return;
    };
    loop {
        let (hosts, refused) = wanted(&control);
        *certificates.refused() = refused;
        note_kept(certificates, &hosts);
        let mut actions = certificates.step(Event::Wanted(hosts));
        // The end of one order may be the beginning of the next.
        while let Some(Action::Order { host }) = actions.pop() {
            tokio::select! {
                next = order(&control, certificates, &host) => actions.extend(next),
                () = control.stopping() => return,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = certificates.wake.notified() => {}
            () = control.stopping() => return,
        }
    }
}

/// The hosts of all routes that no file is for, and those that cannot have a certificate.
fn wanted(control: &Control) -> (BTreeSet<String>, BTreeMap<String, &'static str>) {
    let files: Vec<Facts> = control
        .proxy()
        .front()
        .files()
        .iter()
        .filter_map(|file| facts(&file.certificate, &file.key))
        .collect();
    let mut wanted = BTreeSet::new();
    let mut refused = BTreeMap::new();
    for share in control.shares() {
        let stacks = std::iter::once(&share.stack).chain(&share.before);
        for host in stacks
            .flat_map(|stack| &stack.routes)
            .flat_map(|route| &route.hosts)
        {
            if files.iter().any(|facts| facts.covers(host)) {
                continue;
            }
            if host.starts_with('*') {
                refused.insert(host.clone(), WILDCARD);
            } else if host.parse::<IpAddr>().is_ok() {
                refused.insert(host.clone(), ADDRESS);
            } else {
                wanted.insert(host.clone());
            }
        }
    }
    (wanted, refused)
}

fn facts(certificate: &Path, key: &Path) -> Option<Facts> {
    let certificate = std::fs::read(certificate).ok()?;
    let key = std::fs::read(key).ok()?;
    Some(Pair::read(&certificate, &key).ok()?.facts)
}

/// Tells the schedule of certificates that lie there from before.
fn note_kept(certificates: &Certificates, hosts: &BTreeSet<String>) {
    let unknown: Vec<&String> = {
        let schedule = certificates.schedule();
        let known = schedule.wanted();
        hosts.iter().filter(|host| !known.contains(*host)).collect()
    };
    for host in unknown {
        if let Some(facts) = certificates.store.certificate(host)
            && facts.not_after > now()
        {
            certificates
                .schedule()
                .note_kept(host, facts.not_before, facts.not_after);
        }
    }
}

/// What is to be done after it.
async fn order(control: &Arc<Control>, certificates: &Certificates, host: &str) -> Vec<Action> {
    tracing::info!(host, "a certificate is asked for");
    let obtained = certificates.authority.obtain(host, &Shown(control)).await;
    match obtained {
        Ok(facts) => {
            let path = certificates.store.path(host);
            control
                .proxy()
                .change_issued(|issued| drop(issued.certificates.insert(host.to_owned(), path)));
            // Its problem is noted and shown; the keeper tries again.
            let _ = control.apply_traffic().await;
            let until = facts.not_after;
            let message = format!("{host} has a certificate of {} until {until}", facts.issuer);
            record(control, "certificate.issued", host, message).await;
            certificates.step(Event::Issued {
                host: host.to_owned(),
                not_before: facts.not_before,
                not_after: facts.not_after,
            })
        }
        Err(error) => {
            let reason = error.to_string();
            let actions = certificates.step(Event::Failed {
                host: host.to_owned(),
                reason: reason.clone(),
                limited: error.limited(),
            });
            let next = certificates.schedule().due_of(host);
            let next = next.map_or_else(String::new, |at| format!("; tried again at {at}"));
            let words = reason.lines().next().unwrap_or_default();
            let message = format!("{host} got no certificate: {words}{next}");
            record(control, "certificate.failed", host, message).await;
            actions
        }
    }
}

async fn record(control: &Control, kind: &str, host: &str, message: String) {
    tracing::info!(kind, host, message);
    // With the environment that wants it, so that it stands among the events of that.
    let shares = control.shares();
    let names = |share: &&Share| {
        let mut hosts = share.stack.routes.iter().flat_map(|route| &route.hosts);
        hosts.any(|other| other == host)
    };
    let event = NewEvent {
        scope: shares.iter().find(names).map(|share| share.scope.clone()),
        subject: Some(host.to_owned()),
        ..NewEvent::new(now(), kind, message)
    };
    if let Err(error) = control.store.record(event).await {
        tracing::warn!(%error, "event not recorded");
    }
}

/// The proxy shows the proofs.
struct Shown<'a>(&'a Arc<Control>);

impl Prover for Shown<'_> {
    async fn show(&self, proof: Proof) -> Result<(), String> {
        self.0.proxy().change_issued(|issued| issued.show(proof));
        let applied = self.0.apply_traffic().await;
        applied.map_err(|problem| problem.to_string())
    }

    async fn hide(&self) {
        self.0
            .proxy()
            .change_issued(|issued| issued.challenges = Challenges::default());
        let _ = self.0.apply_traffic().await;
    }
}

impl Control {
    /// Asks for a new certificate for `host`, whatever is left of the one before.
    pub(crate) fn renew_certificate(&self, host: &str) -> Result<(), ApiError> {
        let Some(certificates) = &self.certificates else {
            return Err(ApiError::conflict("no authority is asked for certificates")
                .hint("set `tls.acme` in server.yaml; a certificate from a file is taken up when the file changes"));
        };
        if !certificates.schedule().wanted().contains(host) {
            return Err(ApiError::not_found(format!(
                "no certificate of an authority is for `{host}`"
            ))
            .hint("`mainstay certificates` lists those that are"));
        }
        certificates.schedule().ask(host);
        certificates.wake.notify_one();
        Ok(())
    }

    /// When the certificate of a host is renewed.
    fn renewal_of(&self, host: &str) -> Option<Timestamp> {
        let certificates = self.certificates.as_ref()?;
        let due = certificates.schedule().due_of(host)?;
        (due > Timestamp::default()).then_some(due)
    }
}
