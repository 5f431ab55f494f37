//! Whether enough people agreed to a plan, by the word of the stack's server.

use crate::client::Client;
use crate::commands::Context;
use crate::commands::deploy::WAITS;
use crate::failure::{Failure, Outcome};
use crate::locate::{Place, path};
use crate::operation::mutate;
use crate::{artifacts, repository, tool};
use mainstay_model::{EnvironmentName, Scope};
use mainstay_server::api::types::{
    ApprovalRequest, InfraAction, InfraAnswer, InfraChange, InfraRequest, Operation,
};
use mainstay_stack::Stack;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks whether somebody agreed.
const LOOK: Duration = Duration::from_secs(2);
/// How long a server may be away while somebody is waited for.
const ABSENCE: Duration = Duration::from_mins(1);

/// A plan, and whom it is asked about.
pub struct Agreement<'a> {
    context: &'a Context,
    place: &'a Place,
    client: Client,
    scope: Scope,
    /// The plan's.
    file: PathBuf,
    request: InfraRequest,
}

impl<'a> Agreement<'a> {
    /// Of the plan in a file, which the program can show.
    pub async fn about(
        context: &'a Context,
        place: &'a Place,
        stack: &Stack,
        action: InfraAction,
        (program, folder, plan): (&Path, &Path, &str),
    ) -> Outcome<Self> {
        let file = folder.join(plan);
        let hash = artifacts::hash(&file).map_err(|error| {
            Failure::environment(format!("{} cannot be read", file.display())).because(&error)
        })?;
        let there = format!("-chdir={}", folder.display());
        let show = [
            there,
            "show".to_owned(),
            "-json".to_owned(),
            plan.to_owned(),
        ];
        let shown = tool::answer(program, &show).await?;
        let version = repository::version(&stack.directory).await;
        let change = InfraChange {
            action,
            plan: hash,
            summary: summary(&shown)?,
        };
        Ok(Self {
            context,
            place,
            client: place.client()?,
            scope: stack.scope(),
            file,
            request: InfraRequest {
                change,
                policy: stack.policy.clone(),
                tag: version.tag,
                commit: version.commit,
                dirty: version.dirty,
                begin: false,
            },
        })
    }

    fn environment(&self) -> &EnvironmentName {
        &self.scope.environment
    }

    async fn ask(&self, request: &InfraRequest) -> Outcome<InfraAnswer> {
        let to = path(&self.scope, "/infra");
        mutate(&self.client, &to, request).await.map_err(|failure| {
            let nobody = format!(
                "`{}` wants approval, and that is asked of a server: {}",
                self.environment(),
                failure.message
            );
            Failure {
                message: nobody,
                ..failure
            }
        })
    }

    /// Answers when enough people have agreed; where they have not, says who is waited for, and ends with the exit
    /// code of a deploy that waits, unless `wait`.
    pub async fn given(&self, wait: bool) -> Outcome {
        let answer = self.ask(&self.request).await?;
        let Some(request) = answer.request.filter(|_| !answer.agreed) else {
            return Ok(());
        };
        let approve = self.place.command(&format!("approve {}", request.id));
        let verb = format!(
            "infra {} {}",
            self.request.change.action,
            self.environment()
        );
        let again = self.place.command(&verb);
        let words = format!(
            "nothing is changed yet: {} waits for {} more to agree, until {}\nagree to it: {approve}",
            request.subject,
            request.missing(),
            request.expires_at
        );
        if !wait {
            let told = format!("{words}\nthen: {again}");
            self.context.output.either(&request, |_| told)?;
            return Err(Failure::quiet(WAITS));
        }
        self.context.output.note(&words);
        self.decided(&request).await
    }

    async fn decided(&self, request: &ApprovalRequest) -> Outcome {
        let place = format!("/api/v1/operations/{}", request.id);
        let mut heard = Instant::now();
        loop {
            let operation: Operation = match self.client.get(&place).await {
                Ok(operation) => operation,
                Err(error) if error.is_absence() && heard.elapsed() < ABSENCE => {
                    sleep(LOOK).await;
                    continue;
                }
                Err(error) => return Err(self.client.explain(error)),
            };
            heard = Instant::now();
            if let Some(outcome) = operation.outcome {
                let message = format!("{} is not made: {}", request.subject, outcome.reason);
                return Err(Failure::new(crate::failure::Class::Environment, message));
            }
            if operation.waiting.is_none() {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    /// Uses the agreement up: what is begun now is begun once.
    pub async fn use_up(&self) -> Outcome {
        // Somebody may have planned anew while others were waited for.
        if artifacts::hash(&self.file).ok().as_ref() != Some(&self.request.change.plan) {
            let message = "the plan is another one by now than what was agreed to";
            return Err(Failure::input(message).hint("ask again: it is a new question"));
        }
        let request = InfraRequest {
            begin: true,
            ..self.request.clone()
        };
        let answer = self.ask(&request).await?;
        if answer.agreed {
            return Ok(());
        }
        let message = "it was agreed to, and somebody else has used that up";
        let hint = format!(
            "make a new plan: {}",
            self.place
                .command(&format!("infra plan {}", self.environment()))
        );
        Err(Failure::input(message).hint(hint))
    }
}

/// What Terraform and OpenTofu say of a plan as JSON, as far as it is counted.
#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    resource_changes: Vec<ResourceChange>,
}

#[derive(Deserialize)]
struct ResourceChange {
    change: Actions,
}

#[derive(Deserialize)]
struct Actions {
    actions: Vec<String>,
}

/// `3 to add, 1 to change, 0 to destroy`, as the program itself counts: a replacement is one to add and one to
/// destroy.
fn summary(shown: &[u8]) -> Outcome<String> {
    let shown: Shown = serde_json::from_slice(shown).map_err(|error| {
        Failure::environment("what the program shows of its plan does not read")
            .because(&error)
            .hint("make a new plan, with the version of the program that applies it")
    })?;
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let changes = shown.resource_changes.into_iter();
    for action in changes.flat_map(|resource| resource.change.actions) {
        *counted.entry(action).or_default() += 1;
    }
    let of = |action: &str| counted.get(action).copied().unwrap_or_default();
    Ok(format!(
        "{} to add, {} to change, {} to destroy",
        of("create"),
        of("update"),
        of("delete")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_counted_as_terraform_counts_it() {
        let json = br#"{"resource_changes":[
            {"change":{"actions":["create"]}}, {"change":{"actions":["no-op"]}},
            {"change":{"actions":["delete","create"]}}, {"change":{"actions":["update"]}},
            {"change":{"actions":["read"]}}]}"#;
        let counted = summary(json).unwrap();
        assert_eq!(counted, "2 to add, 1 to change, 1 to destroy");
        assert_eq!(
            summary(b"{}").unwrap(),
            "0 to add, 0 to change, 0 to destroy"
        );
        assert!(summary(b"Error: no plan").is_err());
    }

    /// Resources that need no provider: nothing is fetched, and nothing is made.
    #[tokio::test]
    async fn what_terraform_itself_shows_is_counted() {
        let Ok(program) = tool::find(None, &["terraform", "tofu"], "") else {
            eprintln!("skipped for want of Terraform: what_terraform_itself_shows_is_counted");
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let text = "resource \"terraform_data\" \"one\" {\n  count = 3\n  input = \"x\"\n}\n";
        std::fs::write(folder.path().join("main.tf"), text).unwrap();
        let there = format!("-chdir={}", folder.path().display());
        let told = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned());
            std::iter::once(there.clone())
                .chain(words)
                .collect::<Vec<_>>()
        };
        tool::answer(&program, &told(&["init", "-input=false"]))
            .await
            .unwrap();
        tool::answer(&program, &told(&["plan", "-out=it.tfplan"]))
            .await
            .unwrap();
        let shown = tool::answer(&program, &told(&["show", "-json", "it.tfplan"])).await;
        let counted = summary(&shown.unwrap()).unwrap();
        assert_eq!(counted, "3 to add, 0 to change, 0 to destroy");
        let none = told(&["show", "-json", "none"]);
        assert!(tool::answer(&program, &none).await.is_err());
    }
}
