//! The same requests to us and to a real Prometheus 2.42 that has the same data: the same codes,
//! types and bodies, except for what `table.rs` lists, each with its reason.

mod random;
mod rules;
mod shapes;
mod table;

use serde_json::Value as Json;

use crate::data::{START_MS, body, some};
use crate::http::{Answer, percent};
use crate::peer::Prometheus;
use crate::server::Server;
use table::{Expect, FORMS, GETS, QUERIES};

/// Times at which queries are evaluated.
const AT: &str = "time=1700000900";
const OVER: &str = "start=1700000040&end=1700001840&step=60";

struct Both {
    ours: Server,
    theirs: Prometheus,
    /// What was different and should not be, or was not and should be.
    found: Vec<String>,
}

impl Both {
    fn start(test: &str) -> Option<Self> {
        let theirs = Prometheus::start(test, "global: {evaluation_interval: 1m}\n")?;
        let written = theirs.client.remote_write(&body(&some(START_MS)));
        assert_eq!(written.status, 204, "{}", written.text());
        Some(Self {
            ours: Server::start(),
            theirs,
            found: Vec::new(),
        })
    }

    fn get(&mut self, path: &str, expect: Expect) {
        let ours = self.ours.client.get(path);
        let theirs = self.theirs.client.get(path);
        self.compare(path, &ours, &theirs, expect);
    }

    fn form(&mut self, path: &str, form: &str, expect: Expect) {
        let ours = self.ours.client.form(path, form);
        let theirs = self.theirs.client.form(path, form);
        self.compare(&format!("{path} {form}"), &ours, &theirs, expect);
    }

    fn compare(&mut self, what: &str, ours: &Answer, theirs: &Answer, expect: Expect) {
        let difference = match expect {
            Expect::Same => differ(ours, theirs, true),
            Expect::OtherWords(why) => match differ(ours, theirs, true) {
                None => Some(format!("has the same words, and not: {why}")),
                Some(_) => differ(ours, theirs, false),
            },
            Expect::Other(our_code, their_code, why) => {
                let codes = (ours.status, theirs.status);
                let other = codes != (our_code, their_code);
                let same = differ(ours, theirs, true).is_none();
                (other || same).then(|| format!("{codes:?}, and the same: {same}; expected: {why}"))
            }
        };
        if let Some(difference) = difference {
            self.found.push(format!("{what}\n    {difference}"));
        }
    }

    fn done(self) {
        let count = self.found.len();
        assert!(count == 0, "{count} differ:\n{}", self.found.join("\n"));
    }
}

/// What is different, if anything is. `words`: the text of an error too.
fn differ(ours: &Answer, theirs: &Answer, words: bool) -> Option<String> {
    if ours.status != theirs.status {
        let both = [ours, theirs].map(|a| format!("{}: {}", a.status, a.text()));
        return Some(both.join("\n    "));
    }
    let kind = |answer: &Answer| answer.header("content-type").map(str::to_owned);
    if kind(ours) != kind(theirs) {
        return Some(format!("{:?}, not {:?}", kind(ours), kind(theirs)));
    }
    let parsed = |answer: &Answer| -> Option<Json> {
        let mut json: Json = serde_json::from_slice(&answer.body).ok()?;
        if !words && let Some(object) = json.as_object_mut() {
            object.remove("error")?;
        }
        Some(sorted(json))
    };
    let same = match (parsed(ours), parsed(theirs)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, None) => !words || ours.body == theirs.body,
        _ => false,
    };
    (!same).then(|| format!("{}\n    {}", ours.text(), theirs.text()))
}

/// The order of a vector says nothing unless the query sorts, and 2.42's is not ours; series are
/// compared in the order of their text.
fn sorted(mut json: Json) -> Json {
    let result = match json.get_mut("data") {
        Some(Json::Object(data)) => data.get_mut("result"),
        other => other,
    };
    if let Some(Json::Array(result)) = result
        && result.iter().all(Json::is_object)
    {
        result.sort_by_key(ToString::to_string);
    }
    json
}

#[test]
fn queries_are_answered_as_prometheus_answers_them() {
    let Some(mut both) = Both::start("queries_are_answered_as_prometheus_answers_them") else {
        return;
    };
    for (query, at, over) in QUERIES {
        let query = percent(query);
        both.get(&format!("/api/v1/query?query={query}&{AT}"), *at);
        both.form(
            "/api/v1/query_range",
            &format!("query={query}&{OVER}"),
            *over,
        );
    }
    both.done();
}

#[test]
fn requests_are_answered_as_prometheus_answers_them() {
    let Some(mut both) = Both::start("requests_are_answered_as_prometheus_answers_them") else {
        return;
    };
    for (path, expect) in GETS {
        both.get(path, *expect);
    }
    for (path, form, expect) in FORMS {
        both.form(path, form, *expect);
    }
    both.done();
}

/// Both have the same samples of the last minutes.
#[test]
fn federation_shows_the_same_text() {
    let Some(mut both) = Both::start("federation_shows_the_same_text") else {
        return;
    };
    let minutes_ago = jiff::Timestamp::now().as_millisecond() - 31 * 60_000;
    let fresh = body(&some(minutes_ago));
    assert_eq!(both.theirs.client.remote_write(&fresh).status, 204);
    assert_eq!(both.ours.client.remote_write(&fresh).status, 204);
    for path in [
        "/federate?match[]=up",
        "/federate?match[]=%7B__name__=~%22.%2B%22%7D",
        "/federate?match[]=up&match[]=temp&match[]=%7Bjob=%22web%22%7D",
    ] {
        let text = both.ours.client.get(path).text();
        assert!(text.starts_with("# TYPE "), "{path}: {text}");
        both.get(path, Expect::Same);
    }
    both.get("/federate?match[]=%7B%7D", Expect::Same);
    both.done();
}
