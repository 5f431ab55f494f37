//! Reads the stack of a directory in every environment, and renders every target: what `cargo xtask bench render`
//! measures.

use mainstay_render::{Project, Target, render};
use mainstay_stack::{LoadError, Loader, Request, environments, resolve};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

struct Disk;

impl Loader for Disk {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        std::fs::read_to_string(path).map_err(|error| LoadError::Other(error.to_string()))
    }

    fn exists(&self, path: &Path) -> bool {
        path.is_file()
    }
}

fn main() -> ExitCode {
    let directory = PathBuf::from(std::env::args_os().nth(1).unwrap_or_default());
    let request = |environment: Option<String>| Request {
        directory: directory.clone(),
        environment,
        ..Request::default()
    };
    let (known, _) = environments(&Disk, &request(None));
    let stacks = known.into_iter().filter_map(|environment| {
        let name = environment.name.to_string();
        resolve(&Disk, &request(Some(name))).stack
    });
    let Some(project) = Project::new(stacks.collect(), None) else {
        return ExitCode::FAILURE;
    };
    let count = |target| render(target, &project).files.len();
    let files: usize = Target::all().map(count).sum();
    ExitCode::from(u8::from(files == 0))
}
