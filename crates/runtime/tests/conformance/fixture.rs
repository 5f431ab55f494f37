//! A target in a temporary directory, specs for it, and waiting with a deadline.

use libtest_mimic::Trial;
use mainstay_model::{InstanceId, Scope, Secret};
use mainstay_runtime::process::{Options, ProcessTarget};
use mainstay_runtime::spec::{
    HealthCheck, InstanceSpec, Probe, ProcessRun, RestartCondition, RestartPolicy, Run,
};
use mainstay_runtime::status::{InstanceStatus, Phase};
use mainstay_runtime::target::Target;
use mainstay_wire::shim::{Exit, Limits, LogPolicy, StopPolicy};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// No wait in these tests is longer; it is only reached where something is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// What the suite needs of the target under test.
pub(crate) trait Engine: Sync + Sized + 'static {
    type Target: Target;

    /// Before the name of each of its tests.
    const PREFIX: &'static str;

    /// How many instances are many.
    const MANY: u32;

    /// `None` where the engine is not on this machine, and that was said.
    fn new(test: &str) -> Option<Self>;

    /// The last thing of every test.
    fn assert_nothing_left(&self);

    /// A directory that instances see under the same path.
    fn shared(&self) -> &Path;

    /// What cannot start, and a word of the reason.
    fn impossible(&self) -> Vec<(InstanceSpec, &'static str)>;

    /// Opens the target, again where it was open before.
    fn open(&self) -> Self::Target;

    /// Lets go of it as an orderly control plane does.
    fn close(&self, target: Self::Target) -> impl Future<Output = ()>;

    /// Runs a script in a shell, never restarted.
    fn shell(&self, slot: u32, script: &str) -> InstanceSpec;

    /// Listens on `PORT` after so many milliseconds, and answers with this HTTP status; `hang`
    /// never answers.
    fn server(&self, slot: u32, late: u64, status: &str) -> InstanceSpec;
}

/// Directories that outlive any number of targets.
#[derive(Debug)]
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where an instance keeps its files.
    pub(crate) fn instance(&self, slot: u32) -> PathBuf {
        let id = id(slot).to_string();
        self.path().join("instances/shop/test").join(id)
    }

    /// Everything that bears the mark of this place, and has not ended.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let root = self.path().join("instances");
        let mark = format!("MAINSTAY_DIRECTORY={}", root.display());
        let marked = |pid: i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == mark.as_bytes())
        };
        pids().into_iter().filter(|pid| marked(*pid)).collect()
    }
}

impl Drop for Place {
    /// A test that failed leaves nothing behind either.
    fn drop(&mut self) {
        for pid in self.processes() {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Engine for Place {
    type Target = ProcessTarget;

    const PREFIX: &'static str = "";

    const MANY: u32 = 50;

    fn new(_test: &str) -> Option<Self> {
        // The thread may have had another engine's test before.
        set_stack("shop".to_owned());
        Some(Self {
            directory: tempfile::tempdir().unwrap(),
        })
    }

    fn assert_nothing_left(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.processes().is_empty() {
            assert!(
                Instant::now() < deadline,
                "left behind: {:?}",
                self.processes()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn shared(&self) -> &Path {
        self.path()
    }

    fn impossible(&self) -> Vec<(InstanceSpec, &'static str)> {
        let mut program = shell(1, "");
        process(&mut program).command = vec!["no-such-program".into()];
        let mut directory = shell(2, "");
        process(&mut directory).working_directory = "/no/such/directory".into();
        let mut user = shell(3, "");
        user.user = Some("no-such-user".into());
        let mut nothing = shell(4, "");
        process(&mut nothing).command = Vec::new();
        vec![
            (program, "no-such-program"),
            (directory, "/no/such/directory"),
            (user, "no-such-user"),
            (nothing, "command"),
        ]
    }

    fn open(&self) -> ProcessTarget {
        ProcessTarget::open(options(self.path())).unwrap()
    }

    async fn close(&self, target: ProcessTarget) {
        target.close().await;
    }

    fn shell(&self, slot: u32, script: &str) -> InstanceSpec {
        shell(slot, script)
    }

    fn server(&self, slot: u32, late: u64, status: &str) -> InstanceSpec {
        let mut spec = shell(slot, "");
        let program = std::env::current_exe().unwrap();
        process(&mut spec).command = vec![program.to_str().unwrap().to_owned(), "serve".to_owned()];
        let mut set = |name: &str, value: String| {
            spec.environment.insert(name.to_owned(), Secret::new(value));
        };
        set("LATE", late.to_string());
        set("STATUS", status.to_owned());
        listens(&mut spec);
        spec
    }
}

/// In memory, of this place alone.
pub(crate) fn memory(path: &Path) -> Option<PathBuf> {
    let name = path.file_name().unwrap().to_string_lossy();
    let candidate = PathBuf::from("/dev/shm").join(format!("mainstay-test-{name}"));
    mainstay_runtime::process::memory_directory(&[candidate])
}

pub(crate) fn options(path: &Path) -> Options {
    Options {
        directory: path.join("instances"),
        socket_directory: path.join("run"),
        memory_directory: memory(path),
        shim_command: vec![std::env::current_exe().unwrap().into(), "shim".into()],
    }
}

thread_local! {
    /// The stack of the test on this thread: an engine that all tests share tells them apart by it.
    static STACK: RefCell<String> = RefCell::new("shop".to_owned());
}

/// Names the stack of the test that runs on this thread.
pub(crate) fn set_stack(name: String) {
    STACK.set(name);
}

pub(crate) fn scope() -> Scope {
    Scope {
        stack: STACK.with_borrow(|name| name.parse().unwrap()),
        environment: "test".parse().unwrap(),
    }
}

pub(crate) fn id(slot: u32) -> InstanceId {
    format!("app-r1-{slot}").parse().unwrap()
}

/// Runs `script` in a shell, never restarted.
pub(crate) fn shell(slot: u32, script: &str) -> InstanceSpec {
    InstanceSpec {
        scope: scope(),
        id: id(slot),
        environment: BTreeMap::from([("PATH".into(), Secret::new("/usr/bin:/bin".into()))]),
        user: None,
        group: None,
        limits: Limits::default(),
        health: None,
        restart: restart(RestartCondition::No, 0),
        stop: StopPolicy {
            signal: "SIGTERM".into(),
            grace: Duration::from_secs(5),
        },
        log: LogPolicy::default(),
        files: Vec::new(),
        run: Run::Process(ProcessRun {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            working_directory: PathBuf::from("/"),
            wants_port: false,
        }),
    }
}

/// What only the process target has of a spec.
pub(crate) fn process(spec: &mut InstanceSpec) -> &mut ProcessRun {
    match &mut spec.run {
        Run::Process(run) => run,
        Run::Container(_) => panic!("a container"),
    }
}

/// Gives it a port.
pub(crate) fn listens(spec: &mut InstanceSpec) {
    match &mut spec.run {
        Run::Process(run) => run.wants_port = true,
        Run::Container(run) => run.port = Some(8000),
    }
}

/// Slot of [`flapping`].
pub(crate) const FLAPPING: u32 = 99;

/// Ends again and again, and leaves the file `double` in `place` when it ever runs twice at once.
pub(crate) fn flapping(place: &Path) -> InstanceSpec {
    let place = place.display();
    let script = format!(
        "mkdir {place}/alone || echo > {place}/double; echo >> {place}/runs; sleep 0.02; rmdir {place}/alone; exit 1"
    );
    let mut spec = shell(FLAPPING, &script);
    spec.restart = restart(RestartCondition::Always, 100_000);
    spec.restart.window = Duration::from_millis(1);
    spec
}

pub(crate) fn restart(condition: RestartCondition, max_attempts: u32) -> RestartPolicy {
    RestartPolicy {
        condition,
        delay: Duration::from_millis(10),
        max_attempts,
        window: Duration::from_mins(1),
    }
}

/// Quick, so that a test is; two passes, three failures.
pub(crate) fn check(probe: Probe) -> HealthCheck {
    HealthCheck {
        probe,
        interval: Duration::from_millis(100),
        start_interval: Duration::from_millis(20),
        timeout: Duration::from_millis(300),
        start_period: Duration::ZERO,
        retries: 3,
        passes: 2,
    }
}

/// A test with a place and a runtime of its own, after which nothing may be left.
pub(crate) fn trial(name: &str, body: impl AsyncFnOnce(&Place) + Send + 'static) -> Trial {
    trial_on::<Place>(name, body)
}

/// The same on any engine.
pub(crate) fn trial_on<E: Engine>(
    name: &str,
    body: impl AsyncFnOnce(&E) + Send + 'static,
) -> Trial {
    let name = format!("{}{name}", E::PREFIX);
    Trial::test(name.clone(), move || {
        let Some(place) = E::new(&name) else {
            return Ok(());
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(body(&place));
        place.assert_nothing_left();
        Ok(())
    })
}

/// The status of an instance once it satisfies `wanted`.
pub(crate) async fn seen(
    target: &impl Target,
    slot: u32,
    wanted: impl Fn(&InstanceStatus) -> bool,
) -> InstanceStatus {
    let mut changes = target.changes();
    let mut last = None;
    let look = async {
        loop {
            changes.mark_unchanged();
            last = status(target, slot);
            if let Some(status) = last.clone().filter(|status| wanted(status)) {
                return status;
            }
            changes.changed().await.unwrap();
        }
    };
    let found = tokio::time::timeout(DEADLINE, look).await;
    found.unwrap_or_else(|_| panic!("not seen in time; last seen: {last:?}"))
}

pub(crate) fn status(target: &impl Target, slot: u32) -> Option<InstanceStatus> {
    let statuses = target.observe();
    statuses.into_iter().find(|status| status.id == id(slot))
}

pub(crate) async fn healthy(target: &impl Target, slot: u32) -> InstanceStatus {
    seen(target, slot, |status| status.phase == Phase::Healthy).await
}

/// The status once it has ended for good.
pub(crate) async fn ended(target: &impl Target, slot: u32) -> InstanceStatus {
    seen(target, slot, |status| {
        matches!(
            status.phase,
            Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::NotStarted { .. }
        )
    })
    .await
}

/// Starts it, and waits until it is healthy.
pub(crate) async fn up(target: &impl Target, spec: InstanceSpec) -> InstanceStatus {
    let slot = spec.id.slot;
    target.start(spec).await.unwrap();
    healthy(target, slot).await
}

/// Stops it with a grace that is long enough, and waits for the end.
pub(crate) async fn down(target: &impl Target, slot: u32) -> InstanceStatus {
    let grace = Duration::from_secs(5);
    target.stop(&scope(), &id(slot), grace).await.unwrap();
    ended(target, slot).await
}

/// It was asked to end and obeyed the signal.
pub(crate) fn stopped() -> Phase {
    Phase::Exited {
        exit: Exit::Signal("SIGTERM".into()),
        requested: true,
    }
}

/// Looks again and again, in the absence of something that would announce it.
pub(crate) async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !look() {
        assert!(Instant::now() < deadline, "not seen in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Every process of the machine that has not ended.
pub(crate) fn pids() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| is_alive(*pid))
        .collect()
}

pub(crate) fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|text| mainstay_wire::process::Stat::parse(&text))
        .is_some_and(|stat| !stat.is_zombie())
}
