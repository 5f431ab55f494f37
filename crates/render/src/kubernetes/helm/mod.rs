//! A chart with values for each environment.
//!
//! The templates are the objects of the main environment, with values where people turn something and where
//! environments differ. With the values of an environment a chart is what `mainstay render kubernetes` writes
//! for it; only the fingerprint of the configuration is taken of the values, so that a change of them replaces pods.

mod parameters;
mod template;
mod values;

use super::site::{self, Object, Site};
use super::{config, kustomize, lost, manifests, readme};
use crate::names;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::Stack;
use mainstay_yaml::write::{Doc, Map};
use parameters::Parameters;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Stands for the namespace of the release until the text is written.
const NAMESPACE: &str = "MAINSTAYNAMESPACE";

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let project = &site::prepared(project);
    manifests::none_hosted(project, out);
    let Some(base) = kustomize::base(project) else {
        return;
    };
    for stack in project.hosted() {
        lost::say(&Site::new(project, stack), out);
    }
    let stacks = environments(project, base);
    let sets: Vec<Vec<Object>> = stacks.iter().map(|stack| objects(project, stack)).collect();
    let mut parameters = Parameters::new(&Site::new(project, base), &stacks, &sets);
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for object in parameters::union(&sets) {
        let document = parameters.document(object);
        files.entry(object.file).or_default().push(document);
    }
    let chart = Chart::new(project, base);
    for (file, documents) in files {
        let text = documents.join("---\n");
        let text = text.replace(
            &format!(": {}\n", chart.secret),
            &format!(": {{{{ include \"{}.secret\" . }}}}\n", chart.name),
        );
        let header = out.header("#");
        out.raw(format!("templates/{file}"), format!("{header}---\n{text}"));
    }
    values::write(&chart, &parameters.values, &stacks, out);
    chart.write(project, out);
    readme::judges(out);
}

/// The main one first.
fn environments<'a>(project: &'a Project, base: &'a Stack) -> Vec<&'a Stack> {
    let others = project.hosted().into_iter();
    let others = others.filter(|stack| stack.environment != base.environment);
    std::iter::once(base).chain(others).collect()
}

fn objects(project: &Project, stack: &Stack) -> Vec<Object> {
    let site = Site {
        namespace: Some(NAMESPACE.to_owned()),
        ..Site::new(project, stack)
    };
    let all = manifests::objects(&site).into_iter();
    // A chart is installed into a namespace that is there.
    all.filter(|object| object.kind() != "Namespace").collect()
}

/// What the chart is called, and what it names.
pub(super) struct Chart {
    name: String,
    secret: String,
    version: String,
    release: String,
}

impl Chart {
    fn new(project: &Project, base: &Stack) -> Self {
        let release = project.release.clone().unwrap_or_else(|| "dev".to_owned());
        let number = release.trim_start_matches('v');
        let semantic = number.split(['-', '+']).next().unwrap_or_default();
        let numbers = semantic
            .split('.')
            .filter(|part| part.parse::<u64>().is_ok())
            .count();
        let version = if numbers == 3 {
            number.to_owned()
        } else {
            "0.1.0".to_owned()
        };
        Self {
            name: names::dns(project.name.as_str()),
            secret: Site::new(project, base).secret(),
            version,
            release,
        }
    }

    fn write(&self, project: &Project, out: &mut Rendering) {
        let about = Map::new()
            .set("apiVersion", "v2")
            .set("name", &self.name)
            .set("description", format!("The stack {}", project.name))
            .set("type", "application")
            .set("version", Doc::Text(self.version.clone()))
            .set("appVersion", Doc::Text(self.release.clone()))
            .comment("CronJobs have a time zone from there on.")
            .set("kubeVersion", ">=1.27.0-0");
        out.yaml("Chart.yaml", &[about.into()]);
        out.text(
            ".helmignore",
            "#",
            "README.md\nnamespaces/\n.checkov.yaml\n",
        );
        let name = &self.name;
        let helpers = format!(
            "{{{{/* The Secret with all that is secret. It is made by people: see README.md. */}}}}\n{{{{- define \"{name}.secret\" -}}}}\n{{{{ .Values.secret }}}}\n{{{{- end }}}}\n"
        );
        out.raw("templates/_helpers.tpl", helpers);
        out.raw("templates/NOTES.txt", self.notes(project));
        for stack in project.hosted() {
            let site = Site::new(project, stack);
            let path = format!("namespaces/{}.yaml", stack.environment);
            out.yaml(path, &[config::namespace(&site).map.into()]);
        }
        self.readme(project, out);
    }

    fn notes(&self, project: &Project) -> String {
        let site = kustomize::base(project).map(|base| Site::new(project, base));
        let keys = site.map(|site| readme::keys(&site)).unwrap_or_default();
        let name = &self.name;
        let mut text = format!(
            "{name} {{{{ .Chart.AppVersion }}}} is in the namespace {{{{ .Release.Namespace }}}}.\n"
        );
        if !keys.is_empty() {
            let keys: Vec<String> = keys.into_iter().collect();
            let _ = write!(
                text,
                "\nPods wait for the Secret {{{{ include \"{name}.secret\" . }}}} with the keys\n  {}\nMake it from a folder with one file for each:\n  kubectl -n {{{{ .Release.Namespace }}}} create secret generic {{{{ include \"{name}.secret\" . }}}} --from-file=FOLDER\n",
                keys.join(", ")
            );
        }
        text.push_str("\n  kubectl -n {{ .Release.Namespace }} get pods\n");
        text
    }

    fn readme(&self, project: &Project, out: &mut Rendering) {
        let name = &self.name;
        let mut text = format!("# Chart of {name}\n\n```sh\n");
        for stack in project.hosted() {
            let environment = &stack.environment;
            let namespace = site::namespace(stack);
            let _ = write!(
                text,
                "kubectl apply -f namespaces/{environment}.yaml\nhelm upgrade --install {name} . --namespace {namespace} --values values-{environment}.yaml\n"
            );
        }
        text.push_str("```\n\nThe Secret is made before: what stands in it is said after the installation, and by `helm get notes`.\n");
        let header = out.header("-");
        out.raw("README.md", format!("<!--\n{header}-->\n{text}"));
    }
}
