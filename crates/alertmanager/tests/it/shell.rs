//! A small shell around the engine: the machine's clock, a thread that wakes it, receivers that take all.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use mainstay_alert::Notification;
use mainstay_alert::config::Configuration;
use mainstay_alert::engine::{
    Action, AlertError, AlertState, AlertView, Engine, Event, GroupView, PostedAlert, Silence,
    SilenceDraft,
};
use mainstay_alertmanager::{Alerting, Build, Figures, SourceError, Suppression, router};
use mainstay_model::Timestamp;

fn clock() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_millis(since.as_millis() as i64)
}

#[derive(Debug)]
struct State {
    engine: Engine,
    sent: Vec<Notification>,
    over: bool,
}

/// The engine and what was sent.
#[derive(Debug)]
pub(crate) struct Shell {
    state: Mutex<State>,
    woken: Condvar,
    began: Timestamp,
}

impl Shell {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn step(&self, event: Event) -> Vec<AlertError> {
        let (mut events, mut refused) = (vec![event], Vec::new());
        let mut state = self.state();
        while let Some(event) = events.pop() {
            for action in state.engine.step(event, clock()) {
                match action {
                    Action::Deliver(delivery) => {
                        state.sent.push(delivery.notification.clone());
                        events.push(Event::Delivered(delivery.attempt));
                    }
                    Action::Refused(error) => refused.push(error),
                    Action::Cancel(_) | Action::Decided(_) => {}
                }
            }
        }
        self.woken.notify_all();
        refused
    }

    pub(crate) fn sent(&self) -> Vec<Notification> {
        self.state().sent.clone()
    }

    /// Wakes the engine when it asks for it.
    fn run(&self) {
        let mut state = self.state();
        while !state.over {
            let next = state.engine.next_deadline();
            let wait = next.map_or(Duration::from_secs(1), |next| next.since(clock()));
            if wait.is_zero() {
                drop(state);
                self.step(Event::Tick);
                state = self.state();
                continue;
            }
            state = self.woken.wait_timeout(state, wait).unwrap().0;
        }
    }
}

impl Alerting for Shell {
    fn now(&self) -> Timestamp {
        clock()
    }

    fn started_at(&self) -> Timestamp {
        self.began
    }

    fn build(&self) -> Build {
        Build {
            version: "0.25.0".to_owned(),
            revision: "r".to_owned(),
        }
    }

    fn configuration(&self) -> String {
        self.state().engine.config().printed().to_owned()
    }

    fn receivers(&self) -> Vec<String> {
        let state = self.state();
        state
            .engine
            .config()
            .receivers
            .iter()
            .map(|receiver| receiver.name.clone())
            .collect()
    }

    fn alerts(&self) -> Vec<AlertView> {
        self.state().engine.alerts(clock())
    }

    fn groups(&self) -> Vec<GroupView> {
        self.state().engine.groups(clock())
    }

    fn silences(&self) -> Vec<Silence> {
        self.state()
            .engine
            .silences(clock())
            .into_iter()
            .cloned()
            .collect()
    }

    fn silence(&self, id: &str) -> Option<Silence> {
        self.state().engine.silence(id).cloned()
    }

    fn post(&self, alerts: Vec<PostedAlert>) -> Result<Vec<AlertError>, SourceError> {
        Ok(self.step(Event::Alerts(alerts)))
    }

    fn set_silence(&self, draft: SilenceDraft) -> Result<String, SourceError> {
        let id = uuid::Uuid::now_v7().to_string();
        Ok(self.state().engine.set_silence(draft, &id, clock())?)
    }

    fn expire_silence(&self, id: &str) -> Result<(), SourceError> {
        Ok(self.state().engine.expire_silence(id, clock())?)
    }

    fn reload(&self) -> Result<(), SourceError> {
        Err(SourceError::Failed("it stands in the test".to_owned()))
    }

    fn figures(&self) -> Figures {
        let alerts = self.alerts();
        let state = self.state();
        let active = alerts
            .iter()
            .filter(|view| view.state == AlertState::Active)
            .count();
        Figures {
            counters: state.engine.counters().clone(),
            alerts: Suppression {
                active,
                suppressed: alerts.len() - active,
            },
            groups: state.engine.group_count(),
            integrations: state.engine.config().integration_counts(),
            ..Figures::default()
        }
    }
}

/// The API on a port of its own, below a path; it ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) shell: Arc<Shell>,
    pub(crate) port: u16,
    thread: Option<std::thread::JoinHandle<()>>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(crate) const PREFIX: &str = "/alertmanager";

    pub(crate) fn start(text: &str) -> Self {
        let (config, problems) = Configuration::read(text, Path::new("/etc/am/a.yml"), "a.yml");
        let config = config.unwrap_or_else(|| panic!("{problems}"));
        let began = clock();
        let state = State {
            engine: Engine::new(Arc::new(config), began),
            sent: Vec::new(),
            over: false,
        };
        let shell = Arc::new(Shell {
            state: Mutex::new(state),
            woken: Condvar::new(),
            began,
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let app = Router::new().nest(Self::PREFIX, router(shell.clone()));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        let thread = std::thread::spawn({
            let shell = Arc::clone(&shell);
            move || shell.run()
        });
        Self {
            shell,
            port,
            thread: Some(thread),
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, Self::PREFIX)
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> crate::http::Answer {
        let path = format!("{}{path}", Self::PREFIX);
        crate::http::send(self.port, method, &path, body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut state) = self.shell.state.lock() {
            state.over = true;
        }
        self.shell.woken.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
