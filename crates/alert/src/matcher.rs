//! Alertmanager's language of matchers: `severity="critical", team=~"a|b"`.
//!
//! Two grammars, as Alertmanager has them since 0.27: the classic one, which is forgiving (a value
//! needs no quotes, a lone backslash is itself), and the one for names of any UTF-8 (`"k8s.pod"=a`).
//! What the classic grammar reads, it reads; the other is asked only for the rest.
//!
//! Source: <https://prometheus.io/docs/alerting/latest/configuration/#matcher>.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use mainstay_series::{Labels, MatchOp, Matcher, is_legacy_label_name, is_legacy_metric_name};

/// The longest text that is read as matchers.
pub const LIMIT_MATCHERS_BYTES: usize = 64 << 10;

/// Why a text is no matcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherParseError {
    #[error(
        "bad matcher `{0}`: expected a label's name, one of `=`, `!=`, `=~`, `!~`, and a value"
    )]
    Form(String),
    #[error("a quote in the value of matcher `{0}` is not escaped")]
    Quote(String),
    #[error("{0}")]
    Regex(String),
    #[error("matchers of {0} bytes: at most {LIMIT_MATCHERS_BYTES} are read")]
    TooLong(usize),
}

/// Conditions that all have to hold.
#[derive(Debug, Clone, Default)]
pub struct Matchers(Vec<Matcher>);

impl Matchers {
    /// Sorted as Alertmanager sorts them: by name, value, kind.
    pub fn new(mut matchers: Vec<Matcher>) -> Self {
        let kind = |matcher: &Matcher| match matcher.op() {
            MatchOp::Equal => 0,
            MatchOp::NotEqual => 1,
            MatchOp::Regex => 2,
            MatchOp::NotRegex => 3,
        };
        matchers.sort_by(|a, b| {
            let key = |m: &Matcher| (m.name().to_owned(), m.value().to_owned(), kind(m));
            key(a).cmp(&key(b))
        });
        Self(matchers)
    }

    /// Reads `{a="b", c!=d}`, with or without the braces.
    pub fn parse(text: &str) -> Result<Self, MatcherParseError> {
        parse_matchers(text).map(Self::new)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Matcher> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all of them hold; a label that is not there has the empty value.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.failing(labels).is_none()
    }

    /// The first that does not hold.
    pub fn failing(&self, labels: &Labels) -> Option<&Matcher> {
        let fails = |m: &&Matcher| !m.matches(labels.get(m.name()).unwrap_or(""));
        self.0.iter().find(fails)
    }
}

impl PartialEq for Matchers {
    fn eq(&self, other: &Self) -> bool {
        let parts = |m: &Matcher| (m.op(), m.name().to_owned(), m.value().to_owned());
        self.0.len() == other.0.len()
            && (self.0.iter().zip(&other.0)).all(|(a, b)| parts(a) == parts(b))
    }
}

impl<'a> IntoIterator for &'a Matchers {
    type Item = &'a Matcher;
    type IntoIter = std::slice::Iter<'a, Matcher>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// As they stand in a group's key: `{a="b",c=~"d"}`.
impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(show_matcher).collect();
        write!(f, "{{{}}}", all.join(","))
    }
}

/// One matcher as Alertmanager writes it: `a="b"`.
pub fn show_matcher(matcher: &Matcher) -> String {
    let name = match matcher.name() {
        name if is_legacy_label_name(name) => name.to_owned(),
        name => quoted(name),
    };
    format!("{name}{}{}", matcher.op().as_str(), quoted(matcher.value()))
}

/// OpenMetrics' escapes: backslash, quote and line feed.
fn quoted(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{text}\"")
}

/// Reads a list of matchers in either grammar, in the order they stand.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, MatcherParseError> {
    if text.len() > LIMIT_MATCHERS_BYTES {
        return Err(MatcherParseError::TooLong(text.len()));
    }
    classic(text).or_else(|error| utf8(text).map_err(|_| error))
}

/// Reads exactly one.
pub fn parse_matcher(text: &str) -> Result<Matcher, MatcherParseError> {
    if text.len() > LIMIT_MATCHERS_BYTES {
        return Err(MatcherParseError::TooLong(text.len()));
    }
    classic_one(text).or_else(|error| match utf8(text) {
        Ok(mut all) if all.len() == 1 => Ok(all.remove(0)),
        _ => Err(error),
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn matcher(op: MatchOp, name: &str, value: &str) -> Result<Matcher, MatcherParseError> {
    Matcher::new(op, name, value).map_err(|error| MatcherParseError::Regex(error.to_string()))
}

/// The classic grammar: commas outside of quotes part the matchers.
fn classic(text: &str) -> Result<Vec<Matcher>, MatcherParseError> {
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    let (mut inside, mut escaped, mut token) = (false, false, String::new());
    let mut tokens: Vec<String> = Vec::new();
    for c in text.chars() {
        match c {
            ',' if !inside => {
                tokens.push(std::mem::take(&mut token));
                continue;
            }
            '"' if escaped => escaped = false,
            '"' => inside = !inside,
            '\\' => escaped = !escaped,
            // A comma in quotes leaves the escape as it is, as Alertmanager does.
            ',' => {}
            _ => escaped = false,
        }
        token.push(c);
    }
    if !token.trim().is_empty() {
        tokens.push(token.trim().to_owned());
    }
    tokens.iter().map(|token| classic_one(token)).collect()
}

/// Go's `\s`, which is ASCII.
fn space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn classic_one(text: &str) -> Result<Matcher, MatcherParseError> {
    let form = || MatcherParseError::Form(shortened(text));
    let rest = text.trim_matches(space);
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .ok_or_else(form)?;
    let (name, rest) = rest.split_at(end);
    if !is_legacy_metric_name(name) {
        return Err(form());
    }
    let (op, rest) = operator(rest.trim_start_matches(space)).ok_or_else(form)?;
    let value = classic_value(rest.trim_start_matches(space))
        .ok_or_else(|| MatcherParseError::Quote(shortened(text)))?;
    matcher(op, name, &value)
}

fn operator(text: &str) -> Option<(MatchOp, &str)> {
    let all = [
        ("=~", MatchOp::Regex),
        ("!=", MatchOp::NotEqual),
        ("!~", MatchOp::NotRegex),
        ("=", MatchOp::Equal),
    ];
    all.iter()
        .find_map(|(sign, op)| Some((*op, text.strip_prefix(sign)?)))
}

/// Unescapes a value, in quotes or not; `None` where a quote stands unescaped within.
fn classic_value(raw: &str) -> Option<String> {
    let (raw, mut expect_quote) = match raw.strip_prefix('"') {
        Some(rest) => (rest, true),
        None => (raw, false),
    };
    let (mut value, mut escaped) = (String::with_capacity(raw.len()), false);
    let last = raw.char_indices().next_back().map_or(0, |(at, _)| at);
    for (at, c) in raw.char_indices() {
        if std::mem::take(&mut escaped) {
            match c {
                'n' => value.push('\n'),
                '"' | '\\' => value.push(c),
                other => value.extend(['\\', other]),
            }
            continue;
        }
        match c {
            '\\' if at < last => escaped = true,
            '"' if expect_quote && at == last => expect_quote = false,
            '"' => return None,
            other => value.push(other),
        }
    }
    (!expect_quote).then_some(value)
}

/// What the UTF-8 grammar is made of.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Op(MatchOp),
    Text(String),
}

/// The grammar for any UTF-8: names and values bare (without reserved characters) or in quotes with Go's
/// escapes, a brace only with its partner, a comma at the end allowed.
fn utf8(text: &str) -> Result<Vec<Matcher>, MatcherParseError> {
    let form = || MatcherParseError::Form(shortened(text));
    let tokens = tokens(text).ok_or_else(form)?;
    let mut rest = tokens.as_slice();
    if let [Token::Open, inner @ .., Token::Close] = rest {
        rest = inner;
    }
    let mut matchers = Vec::new();
    while !rest.is_empty() {
        let [
            Token::Text(name),
            Token::Op(op),
            Token::Text(value),
            more @ ..,
        ] = rest
        else {
            return Err(form());
        };
        matchers.push(matcher(*op, name, value)?);
        rest = match more {
            [] => more,
            [Token::Comma, more @ ..] => more,
            _ => return Err(form()),
        };
    }
    Ok(matchers)
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let reserved = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
    let mut rest = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(&c) = rest.peek() {
        let token = match c {
            '{' => Token::Open,
            '}' => Token::Close,
            ',' => Token::Comma,
            '=' | '!' => {
                rest.next();
                let tilde = rest.next_if_eq(&'~').is_some();
                let equal = c == '!' && !tilde && rest.next_if_eq(&'=').is_some();
                tokens.push(Token::Op(match (c, tilde, equal) {
                    ('=', true, _) => MatchOp::Regex,
                    ('=', false, _) => MatchOp::Equal,
                    (_, true, _) => MatchOp::NotRegex,
                    (_, _, true) => MatchOp::NotEqual,
                    _ => return None,
                }));
                continue;
            }
            '"' => {
                rest.next();
                tokens.push(Token::Text(unquoted(&mut rest)?));
                continue;
            }
            c if c.is_whitespace() => {
                rest.next();
                continue;
            }
            c if reserved(c) => return None,
            _ => {
                let mut bare = String::new();
                while let Some(c) = rest.next_if(|c| !reserved(*c)) {
                    bare.push(c);
                }
                tokens.push(Token::Text(bare));
                continue;
            }
        };
        rest.next();
        tokens.push(token);
    }
    Some(tokens)
}

/// After the opening quote, as Go's `strconv.Unquote` reads it.
fn unquoted(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\n' => return None,
            '\\' => text.push(match rest.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'v' => '\u{b}',
                '\\' => '\\',
                '"' => '"',
                'x' => coded(rest, 2).filter(char::is_ascii)?,
                'u' => coded(rest, 4)?,
                'U' => coded(rest, 8)?,
                _ => return None,
            }),
            c => text.push(c),
        }
    }
}

fn coded(rest: &mut Peekable<Chars<'_>>, digits: usize) -> Option<char> {
    let hex: String = rest.by_ref().take(digits).collect();
    if hex.len() != digits {
        return None;
    }
    char::from_u32(u32::from_str_radix(&hex, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<String>> {
        let matchers = parse_matchers(text).ok()?;
        Some(matchers.iter().map(show_matcher).collect())
    }

    #[test]
    fn the_classic_grammar_forgives() {
        for (text, is) in [
            ("foo=bar", vec![r#"foo="bar""#]),
            (
                r#"{foo = "bar", dings != "bums", }"#,
                vec![r#"foo="bar""#, r#"dings!="bums""#],
            ),
            (
                "foo=bar, dings!=bums",
                vec![r#"foo="bar""#, r#"dings!="bums""#],
            ),
            (r#"statuscode=~"5..""#, vec![r#"statuscode=~"5..""#]),
            (r#"a="x, y""#, vec![r#"a="x, y""#]),
            (r#"a="say \"x\", y""#, vec![r#"a="say \"x\", y""#]),
            (r"a=b\c", vec![r#"a="b\\c""#]),
            (r"a=b\", vec![r#"a="b\\""#]),
            ("a=", vec![r#"a="""#]),
            ("a!~x y ", vec![r#"a!~"x y""#]),
            ("", vec![]),
            ("{}", vec![]),
        ] {
            let is: Vec<String> = is.iter().map(ToString::to_string).collect();
            assert_eq!(read(text), Some(is), "{text}");
        }
    }

    #[test]
    fn the_other_grammar_takes_any_name() {
        assert_eq!(
            read(r#""k8s.pod"="a b""#),
            Some(vec![r#""k8s.pod"="a b""#.to_owned()])
        );
        assert_eq!(
            read(r"{k8s.pod=~ä}"),
            Some(vec![r#""k8s.pod"=~"ä""#.to_owned()])
        );
        assert_eq!(read(r#""a-b"="\u00e4",c=d,"#).map(|all| all.len()), Some(2));
    }

    #[test]
    fn what_neither_reads_is_refused() {
        for text in [
            "foo", "=bar", r#"a="b"#, r#"a=b"c"#, "a=~(", "a-b", "{a.b=c", "a.b=c}", ",", "a.b=",
            "1a\\=b",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(matches!(
            parse_matchers(&"a".repeat(LIMIT_MATCHERS_BYTES + 1)),
            Err(MatcherParseError::TooLong(_))
        ));
    }
}
