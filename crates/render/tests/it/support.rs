//! Examples as projects, and files on disk for those who judge them.

use mainstay_render::{Project, Rendering};
use mainstay_stack::{LoadError, Loader, Request, RuleText, environments, resolve};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The stacks of the five handbooks.
pub(crate) const EXAMPLES: [&str; 5] = [
    "deep-echo",
    "rag-admin",
    "whisper-transcriber",
    "whispercache",
    "whisperengine",
];

pub(crate) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the repository").to_owned()
}

struct Disk;

impl Loader for Disk {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        std::fs::read_to_string(path).map_err(|error| LoadError::Other(error.to_string()))
    }

    fn exists(&self, path: &Path) -> bool {
        path.is_file()
    }
}

/// One of the examples, in all its environments.
pub(crate) fn example(name: &str) -> Project {
    // Read once: most of a test's time would go into it.
    static READ: Mutex<BTreeMap<String, Project>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let known = read.entry(name.to_owned());
    let directory = repository().join("examples").join(name);
    known
        .or_insert_with(|| project_in(&directory, &Disk))
        .clone()
}

/// A project of files in memory: `compose.yaml`, and `mainstay.yaml` where it is not empty.
pub(crate) fn project(compose: &str, mainstay: &str) -> Project {
    let mut files = mainstay_stack::MemoryLoader::default().with("/shop/compose.yaml", compose);
    if !mainstay.is_empty() {
        files = files.with("/shop/mainstay.yaml", mainstay);
    }
    project_in(Path::new("/shop"), &files)
}

fn project_in(directory: &Path, loader: &dyn Loader) -> Project {
    let request = |environment: Option<String>| Request {
        directory: directory.to_owned(),
        environment,
        ..Request::default()
    };
    let (known, problems) = environments(loader, &request(None));
    assert!(!problems.has_errors(), "{problems}");
    let stacks = known.into_iter().map(|environment| {
        let resolution = resolve(loader, &request(Some(environment.name.to_string())));
        let problems = resolution.problems;
        resolution.stack.unwrap_or_else(|| panic!("{problems}"))
    });
    let mut project = Project::new(stacks.collect(), None).expect("an environment");
    project.packs = packs(&project);
    project
}

/// The packs that the environments name, as they lie in `rules`.
fn packs(project: &Project) -> BTreeMap<String, Vec<RuleText>> {
    let named = project.environments.values();
    let named = named.flat_map(|stack| stack.alerts.packs.clone());
    let read = named.map(|pack| {
        let files = ["recording.yaml", "alerts.yaml"];
        let texts = files.iter().filter_map(|file| {
            let path = format!("rules/{pack}/{file}");
            let text = std::fs::read_to_string(repository().join(&path)).ok()?;
            Some(RuleText { path, text })
        });
        let texts = texts.collect();
        (pack, texts)
    });
    read.collect()
}

/// The files of a rendering below `directory`.
pub(crate) fn write(rendering: &Rendering, directory: &Path) {
    assert!(!rendering.problems.has_errors(), "{}", rendering.problems);
    for (path, file) in &rendering.files {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &file.text).expect("a file");
    }
}
