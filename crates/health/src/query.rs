//! What has to be asked for a plan.

use crate::profile::Plan;
use mainstay_model::Scope;

/// One instant query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The check's, or that with `?` for whether its series are there at all.
    pub id: String,
    /// PromQL.
    pub expression: String,
}

pub(crate) fn presence(id: &str) -> String {
    format!("{id}?")
}

/// Two for each check: its value, and how many series it could be had from.
pub fn queries(plan: &Plan, scope: &Scope) -> Vec<Query> {
    let (stack, environment) = (&scope.stack, &scope.environment);
    // Names hold letters, digits and dashes: nothing to be escaped.
    let exact = format!("stack=\"{stack}\",environment=\"{environment}\"");
    let loose = format!("stack=~\"|{stack}\",environment=~\"|{environment}\"");
    let fill = |text: &str| text.replace("$scope", &exact).replace("$loose", &loose);
    let both = plan.checks().map(|(check, _)| {
        let measure = plan.measure(check);
        let value = Query {
            id: check.id.to_owned(),
            expression: fill(measure.expression),
        };
        let there = Query {
            id: presence(check.id),
            expression: format!("count({})", fill(measure.of)),
        };
        [value, there]
    });
    both.flatten().collect()
}
