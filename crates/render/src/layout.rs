//! Files under the names that a project has for them.

use crate::output::{File, Rendering};
use crate::project::Project;
use crate::target::Target;
use mainstay_model::{Problem, Problems, did_you_mean};
use mainstay_stack::Layout;
use std::collections::BTreeMap;

/// What `layout` says, all of it or nothing. Paths are those of the project.
pub fn laid_out(project: &Project) -> (BTreeMap<String, File>, Problems) {
    let mut writer = Writer {
        project,
        rendered: BTreeMap::new(),
        files: BTreeMap::new(),
        problems: Problems::default(),
    };
    for line in &project.main().render.layout {
        writer.line(line);
    }
    if writer.problems.has_errors() {
        writer.files.clear();
    }
    (writer.files, writer.problems)
}

struct Writer<'a> {
    project: &'a Project,
    /// Each target once for each environment it is seen from.
    rendered: BTreeMap<(Target, String), Rendering>,
    files: BTreeMap<String, File>,
    problems: Problems,
}

impl Writer<'_> {
    fn line(&mut self, line: &Layout) {
        let (word, part) = line.of.split_once('/').unwrap_or((&line.of, ""));
        let target: Target = match word.parse() {
            Ok(target) => target,
            Err(message) => {
                return self.wrong(line, &message, "`mainstay render --list` names them");
            }
        };
        let Some(files) = self.rendered(line, target) else {
            return;
        };
        let taken: Vec<(String, File)> = files
            .iter()
            .filter_map(|(path, file)| Some((place(line, part, path)?, file.clone())))
            .collect();
        if taken.is_empty() && !files.is_empty() {
            let hint = match did_you_mean(part, files.keys().map(String::as_str)) {
                Some(meant) => format!("did you mean `{word}/{meant}`?"),
                None => format!("see what there is: mainstay render {word}"),
            };
            let message = format!("`{word}` has no `{part}`");
            return self.wrong(line, &message, &hint);
        }
        for (path, file) in taken {
            if let Some(known) = self.files.insert(path.clone(), file.clone())
                && known != file
            {
                let message = format!("`{path}` is written twice, and not alike");
                self.wrong(line, &message, "give one of them another path");
            }
        }
    }

    /// The files of a target as the line's environment sees them; `None` after a problem.
    fn rendered(&mut self, line: &Layout, target: Target) -> Option<BTreeMap<String, File>> {
        let names = self.project.environments.keys();
        let environment = match &line.environment {
            None => &self.project.main,
            Some(named) => {
                let Some(name) = names.into_iter().find(|name| name.as_str() == named) else {
                    let message = format!("no environment `{named}`");
                    self.wrong(line, &message, "name one of mainstay.yaml's");
                    return None;
                };
                name
            }
        };
        let key = (target, environment.to_string());
        if let Some(known) = self.rendered.get(&key) {
            return Some(known.files.clone());
        }
        let seen = self.project.seen_from(environment)?;
        let rendering = crate::render(target, &seen);
        for problem in &rendering.problems {
            if !self.problems.iter().any(|known| known == problem) {
                self.problems.push(problem.clone());
            }
        }
        let files = rendering.files.clone();
        self.rendered.insert(key, rendering);
        Some(files)
    }

    fn wrong(&mut self, line: &Layout, message: &str, hint: &str) {
        let message = format!("layout of `{}`: {message}", line.path);
        let problem = Problem::error("render/layout", message).hint(hint);
        self.problems.push(problem);
    }
}

/// Where a rendered file goes by this line; `None` where the line means others.
fn place(line: &Layout, part: &str, path: &str) -> Option<String> {
    if part.is_empty() {
        return Some(format!("{}/{path}", line.path));
    }
    if part == path {
        return Some(line.path.clone());
    }
    let rest = path.strip_prefix(part)?.strip_prefix('/')?;
    Some(format!("{}/{rest}", line.path))
}
