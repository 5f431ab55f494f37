//! From the files of a project to one merged tree.
//!
//! Each file is parsed, its variables are put in, it is brought into normal form, its `extends`
//! and `include` are followed; then the files are merged in their order. It does not judge what
//! the tree says beyond its structure.

mod extends;
mod files;
mod include;

pub(crate) use files::{compose_files, environment_files, read as read_variables};

use crate::check::Checker;
use crate::grammar::{Merge, Shape};
use crate::interpolate::{Variables, expand_tree};
use crate::keys::COMPOSE;
use crate::merge::{clean, merge};
use crate::request::{LoadError, Loader};
use crate::source::{At, Source, nowhere, shown};
use crate::tree::{Kind, Node};
use crate::yaml;
use mainstay_model::{Problem, Problems};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that one stack is read from, included and extended ones counted as often as named.
const LIMIT_FILES: usize = 200;
/// Values in all files together, copies by `extends` and `include` counted.
const LIMIT_VALUES: usize = 100_000;
/// `include` and `extends` within each other.
const LIMIT_DEPTH: usize = 16;
const ROOT: Shape = Shape::Section(&COMPOSE);

/// What is shared while files are read.
pub(crate) struct Reading<'a> {
    pub(crate) loader: &'a dyn Loader,
    pub(crate) directory: &'a Path,
    pub(crate) problems: Problems,
    pub(crate) files: Vec<PathBuf>,
    count: usize,
    values: usize,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(loader: &'a dyn Loader, directory: &'a Path) -> Self {
        Self {
            loader,
            directory,
            problems: Problems::default(),
            files: Vec::new(),
            count: 0,
            values: 0,
        }
    }

    /// The text of a file, and the file as a source. `named_at` is where the user names it.
    pub(crate) fn load(
        &mut self,
        path: &Path,
        base: &Path,
        named_at: Option<&At>,
    ) -> Option<(String, Arc<Source>)> {
        self.count += 1;
        if self.count > LIMIT_FILES {
            if self.count == LIMIT_FILES + 1 {
                self.problems.push(Problem::error(
                    "compose/too-many-files",
                    format!("more than {LIMIT_FILES} files belong to this stack"),
                ));
            }
            return None;
        }
        let source = Arc::new(Source {
            display: shown(self.directory, path),
            path: path.to_owned(),
            base: base.to_owned(),
        });
        match self.loader.read(path) {
            Ok(text) => {
                if !self.files.iter().any(|file| file == path) {
                    self.files.push(path.to_owned());
                }
                Some((text, source))
            }
            Err(error) => {
                let problem = unreadable(&source.display, &error);
                self.problems.push(match named_at {
                    Some(at) => problem.at(at.place()),
                    None => problem,
                });
                None
            }
        }
    }

    /// One file as a tree in normal form, `extends` and `include` followed.
    fn model(
        &mut self,
        file: &File<'_>,
        variables: &Variables,
        chain: &mut Vec<PathBuf>,
    ) -> Option<Node> {
        if chain.len() >= LIMIT_DEPTH || chain.iter().any(|path| path == file.path) {
            self.problems.push(cycle(file, chain, self.directory));
            return None;
        }
        chain.push(file.path.to_owned());
        let node = self.model_within(file, variables, chain);
        chain.pop();
        node
    }

    fn model_within(
        &mut self,
        file: &File<'_>,
        variables: &Variables,
        chain: &mut Vec<PathBuf>,
    ) -> Option<Node> {
        let document = self.document(file, variables)?;
        let document = self.extended(document, variables);
        let included = self.included(&document, variables, chain);
        Some(self.join_included(included, document))
    }

    /// One file in normal form, with nothing followed. Several documents are merged in order.
    fn document(&mut self, file: &File<'_>, variables: &Variables) -> Option<Node> {
        let (text, source) = self.load(file.path, file.base, file.named_at)?;
        let mut whole: Option<Node> = None;
        for mut document in yaml::parse(&text, &source, &mut self.problems) {
            if !self.spend(document.count()) {
                break;
            }
            expand_tree(&mut document, variables, &mut self.problems);
            let mut checker = Checker {
                prefix: "compose",
                problems: &mut self.problems,
            };
            checker.check(&mut document, &ROOT, "a Compose file");
            if matches!(document.kind, Kind::Map(_)) {
                // The first keeps its `!reset`s: they are meant for the files before this one.
                whole = Some(match whole {
                    Some(base) => layered(base, document),
                    None => document,
                });
            }
        }
        let mut whole = whole.unwrap_or_else(|| Node::empty_map(At::whole(&source)));
        whole.at = At::whole(&source);
        Some(whole)
    }

    /// Whether a bound was met: what was read is then not the whole.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.count > LIMIT_FILES || self.values > LIMIT_VALUES
    }

    /// Counts values against the bound of the whole stack: `extends` and `include` copy them.
    fn spend(&mut self, values: usize) -> bool {
        let before = self.values;
        self.values = before.saturating_add(values);
        if self.values > LIMIT_VALUES && before <= LIMIT_VALUES {
            self.problems.push(Problem::error(
                "compose/too-many-values",
                format!("more than {LIMIT_VALUES} values in all files of this stack together"),
            ));
        }
        self.values <= LIMIT_VALUES
    }

    /// The whole project: every file, merged.
    pub(crate) fn project(
        &mut self,
        files: &[(PathBuf, Option<At>)],
        variables: &Variables,
    ) -> Node {
        let mut whole: Option<Node> = None;
        let directory = self.directory;
        for (path, named_at) in files {
            let file = File {
                path,
                base: directory,
                named_at: named_at.as_ref(),
            };
            let Some(node) = self.model(&file, variables, &mut Vec::new()) else {
                continue;
            };
            whole = Some(match whole {
                Some(base) => layered(base, node),
                None => clean(node, &ROOT),
            });
        }
        whole.unwrap_or_else(|| Node::empty_map(nowhere(directory)))
    }
}

/// A file that is to be read.
struct File<'a> {
    path: &'a Path,
    /// Where its relative paths start.
    base: &'a Path,
    named_at: Option<&'a At>,
}

/// `over` laid upon `base`, both whole Compose files.
fn layered(base: Node, over: Node) -> Node {
    let at = base.at.clone();
    merge(base, over, &ROOT, Merge::Natural).unwrap_or_else(|| Node::empty_map(at))
}

fn unreadable(display: &str, error: &LoadError) -> Problem {
    let problem = Problem::error(
        "file/unreadable",
        format!("cannot read `{display}`: {error}"),
    );
    match error {
        LoadError::NotFound => {
            problem.hint("check the name; paths are relative to the file that names it")
        }
        _ => problem,
    }
}

fn cycle(file: &File<'_>, chain: &[PathBuf], directory: &Path) -> Problem {
    let mut names: Vec<String> = chain.iter().map(|path| shown(directory, path)).collect();
    names.push(shown(directory, file.path));
    let message = format!("files include each other: {}", names.join(" → "));
    let problem = Problem::error("compose/include-cycle", message);
    match file.named_at {
        Some(at) => problem.at(at.place()),
        None => problem,
    }
}
