//! What stands in an address: filters, flags, a pattern of receivers.

use mainstay_alert::matcher::parse_matcher;
use mainstay_series::{Labels, Matcher};

use crate::reply::Failure;

/// The most filters of one request.
const LIMIT_FILTERS: usize = 100;

/// The parameters of `GET /alerts` and `GET /alerts/groups`.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) active: bool,
    pub(crate) silenced: bool,
    pub(crate) inhibited: bool,
    pub(crate) muted: bool,
    pub(crate) unprocessed: bool,
    pub(crate) receiver: Option<Matcher>,
    pub(crate) filter: Vec<Matcher>,
}

impl Asked {
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, Failure> {
        let receiver = value(pairs, "receiver").map(|pattern| {
            Matcher::regex("receiver", pattern)
                .map_err(|error| Failure::bad(format!("failed to parse receiver param: {error}")))
        });
        Ok(Self {
            active: flag(pairs, "active")?,
            silenced: flag(pairs, "silenced")?,
            inhibited: flag(pairs, "inhibited")?,
            muted: flag(pairs, "muted")?,
            unprocessed: flag(pairs, "unprocessed")?,
            receiver: receiver.transpose()?,
            filter: filters(pairs)?,
        })
    }

    pub(crate) fn wants_receiver(&self, name: &str) -> bool {
        self.receiver
            .as_ref()
            .is_none_or(|receiver| receiver.matches(name))
    }

    pub(crate) fn wants_labels(&self, labels: &Labels) -> bool {
        let holds = |m: &Matcher| m.matches(labels.get(m.name()).unwrap_or(""));
        self.filter.iter().all(holds)
    }
}

/// Every `filter`, one matcher each.
pub(crate) fn filters(pairs: &[(String, String)]) -> Result<Vec<Matcher>, Failure> {
    let texts = pairs.iter().filter(|(name, _)| name == "filter");
    if texts.clone().count() > LIMIT_FILTERS {
        return Err(Failure::bad(format!("more than {LIMIT_FILTERS} filters")));
    }
    let read = |(_, text): &(String, String)| parse_matcher(text);
    texts
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::bad(error.to_string()))
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

/// True where it is not given.
fn flag(pairs: &[(String, String)], name: &str) -> Result<bool, Failure> {
    match value(pairs, name) {
        None | Some("true" | "1" | "yes" | "on" | "t" | "y") => Ok(true),
        Some("false" | "0" | "no" | "off" | "f" | "n") => Ok(false),
        Some(_) => Err(Failure::bad(format!("`{name}` is `true` or `false`"))),
    }
}
