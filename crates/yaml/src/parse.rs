//! YAML text to a [`Node`] tree: the one module that knows the parser.
//!
//! Aliases are copied and merge keys (`<<`) are applied here, so that nothing above sees either.
//! **Invariant:** the depth and the number of values are bounded, whatever the text says ("a
//! billion laughs" is an error, not a full memory). It judges no key.

use crate::source::{At, Source};
use crate::tree::{Entry, Kind, Node, Scalar, Tag};
use granit_parser::{Event, Parser, ScalarStyle, Span};
use mainstay_model::{Problem, Problems};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Values in one text, copies of aliases counted.
pub const LIMIT_NODES: usize = 20_000;
/// Bytes of all values in one text, copies of aliases counted.
pub const LIMIT_TEXT_BYTES: usize = 4 << 20;
/// Collections within each other.
pub const LIMIT_DEPTH: usize = 48;
/// Bytes of one file.
pub const LIMIT_FILE_BYTES: usize = 1 << 20;

/// How much one text may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: usize,
    /// Values, copies of aliases counted.
    pub nodes: usize,
    /// Bytes of all values, copies of aliases counted.
    pub text_bytes: usize,
}

impl Default for Limits {
    /// For what people write by hand.
    fn default() -> Self {
        Self {
            file_bytes: LIMIT_FILE_BYTES,
            nodes: LIMIT_NODES,
            text_bytes: LIMIT_TEXT_BYTES,
        }
    }
}

/// The documents of the text, within the usual [`Limits`].
pub fn parse(text: &str, source: &Arc<Source>, problems: &mut Problems) -> Vec<Node> {
    parse_within(Limits::default(), text, source, problems)
}

/// The documents of the text. What is wrong with it is added to `problems`; the documents before
/// a syntax error are given all the same.
pub fn parse_within(
    limits: Limits,
    text: &str,
    source: &Arc<Source>,
    problems: &mut Problems,
) -> Vec<Node> {
    if text.len() > limits.file_bytes {
        let message = format!("file is larger than {} MiB", limits.file_bytes >> 20);
        problems.push(Problem::error("yaml/too-large", message).at(At::whole(source).place()));
        return Vec::new();
    }
    let mut builder = Builder {
        limits,
        source,
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        bytes: 0,
        documents: Vec::new(),
    };
    let options = granit_parser::options! { emit_comments: false };
    for next in Parser::new_from_str_with_options(text, options) {
        let stop = match next {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => Err(Box::new(syntax(source, &error))),
        };
        if let Err(problem) = stop {
            builder.problems.push(*problem);
            break;
        }
    }
    builder.documents
}

fn syntax(source: &Arc<Source>, error: &granit_parser::ScanError) -> Problem {
    let at = At {
        source: Arc::clone(source),
        line: error.marker().line() as u32,
        column: error.marker().col() as u32 + 1,
    };
    let info = error.info();
    let message = info.lines().next().unwrap_or_default();
    Problem::error("yaml/syntax", format!("not YAML: {message}")).at(at.place())
}

/// A collection that is still open.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value, in a mapping.
    key: Option<(String, At, bool)>,
    /// Mappings named by `<<`, and where.
    merges: Vec<(At, Node)>,
}

struct Builder<'a> {
    limits: Limits,
    source: &'a Arc<Source>,
    problems: &'a mut Problems,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    bytes: usize,
    documents: Vec<Node>,
}

type Step = Result<(), Box<Problem>>;

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Step {
        let at = self.at(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| (tag.handle().to_owned(), tag.suffix().to_owned()));
                let node = self.scalar(at, &text, style, tag);
                self.place(node, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = tag.map(|tag| (tag.handle().to_owned(), tag.suffix().to_owned()));
                self.begin(at, Kind::List(Vec::new()), anchor, tag)
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = tag.map(|tag| (tag.handle().to_owned(), tag.suffix().to_owned()));
                self.begin(at, Kind::Map(Vec::new()), anchor, tag)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(id) => self.alias(&at, id),
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn at(&self, span: &Span) -> At {
        At {
            source: Arc::clone(self.source),
            line: span.start.line() as u32,
            column: span.start.col() as u32 + 1,
        }
    }

    fn scalar(
        &mut self,
        at: At,
        text: &str,
        style: ScalarStyle,
        tag: Option<(String, String)>,
    ) -> Node {
        let string = tag.as_ref().is_some_and(|(_, suffix)| suffix == "str");
        let plain = style == ScalarStyle::Plain && !string;
        let kind = if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
            Kind::Null
        } else {
            Kind::Scalar(Scalar {
                text: text.to_owned(),
                plain,
                variables: Vec::new(),
            })
        };
        let tag = self.tag(&at, tag);
        Node { at, kind, tag }
    }

    fn tag(&mut self, at: &At, tag: Option<(String, String)>) -> Option<Tag> {
        let (handle, suffix) = tag?;
        match (handle.as_str(), suffix.as_str()) {
            ("!", "reset") => Some(Tag::Reset),
            ("!", "override") => Some(Tag::Override),
            ("tag:yaml.org,2002:", _) | ("", "!") | ("!", "") => None,
            _ => {
                self.problems.push(
                    Problem::error(
                        "yaml/unknown-tag",
                        format!("unknown tag `{handle}{suffix}`"),
                    )
                    .at(at.place())
                    .hint("Compose knows `!reset` and `!override`"),
                );
                None
            }
        }
    }

    fn begin(&mut self, at: At, kind: Kind, anchor: usize, tag: Option<(String, String)>) -> Step {
        if self.open.len() >= LIMIT_DEPTH {
            return Err(Box::new(
                Problem::error(
                    "yaml/too-deep",
                    format!("more than {LIMIT_DEPTH} collections within each other"),
                )
                .at(at.place()),
            ));
        }
        let tag = self.tag(&at, tag);
        self.open.push(Open {
            node: Node { at, kind, tag },
            anchor,
            key: None,
            merges: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self) -> Step {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        for (at, merged) in std::mem::take(&mut open.merges) {
            self.merge(&mut open.node, &at, merged)?;
        }
        self.place(open.node, open.anchor)
    }

    /// YAML 1.1 "merge key": the keys that stand there win, then the earlier mapping.
    fn merge(&mut self, into: &mut Node, at: &At, merged: Node) -> Step {
        match merged.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    if into.entry(&entry.key).is_none() {
                        into.insert(entry);
                    }
                }
                Ok(())
            }
            Kind::List(items) => items
                .into_iter()
                .try_for_each(|item| self.merge(into, at, item)),
            Kind::Null => Ok(()),
            Kind::Scalar(_) => {
                self.problems.push(
                    Problem::error(
                        "yaml/merge-key",
                        "`<<` takes a mapping or a list of mappings",
                    )
                    .at(at.place()),
                );
                Ok(())
            }
        }
    }

    fn alias(&mut self, at: &At, id: usize) -> Step {
        let Some((node, depth)) = self.anchors.get(&id).cloned() else {
            return Err(Box::new(
                Problem::error("yaml/alias", "alias of a value that it stands in").at(at.place()),
            ));
        };
        if self.open.len() + depth > LIMIT_DEPTH {
            return Err(Box::new(
                Problem::error(
                    "yaml/too-deep",
                    format!("more than {LIMIT_DEPTH} collections within each other"),
                )
                .at(at.place()),
            ));
        }
        self.nodes += node.count();
        self.bytes += text_bytes(&node);
        // A copy keeps the places of the original: that is where the value is to be mended.
        self.place(node, 0)
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node, anchor: usize) -> Step {
        self.nodes += 1;
        self.bytes += node.as_text().map_or(0, str::len);
        if self.nodes > self.limits.nodes || self.bytes > self.limits.text_bytes {
            let message = format!(
                "more than {} values or {} MiB, aliases counted as often as used",
                self.limits.nodes,
                self.limits.text_bytes >> 20
            );
            let problem = Problem::error("yaml/too-many-values", message);
            return Err(Box::new(problem.at(node.at.place())));
        }
        if anchor != 0 {
            let depth = depth(&node);
            self.anchors.insert(anchor, (node.clone(), depth));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.node.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(_) => return self.place_in_map(node),
            Kind::Null | Kind::Scalar(_) => {}
        }
        Ok(())
    }

    fn place_in_map(&mut self, node: Node) -> Step {
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        let Some((key, at, merge)) = open.key.take() else {
            let (key, plain) = match node.kind {
                Kind::Scalar(scalar) => (scalar.text, scalar.plain),
                Kind::Null => (String::new(), true),
                Kind::List(_) | Kind::Map(_) => {
                    return Err(Box::new(
                        Problem::error("yaml/key", "a key is a single value, not a collection")
                            .at(node.at.place()),
                    ));
                }
            };
            let merge = plain && key == "<<";
            open.key = Some((key, node.at, merge));
            return Ok(());
        };
        if merge {
            open.merges.push((at, node));
            return Ok(());
        }
        if open.node.entry(&key).is_some() {
            self.problems.push(
                Problem::error("yaml/duplicate-key", format!("`{key}` stands here twice"))
                    .at(at.place())
                    .hint("the second would win: take one of them away"),
            );
        }
        open.node.insert(Entry {
            key,
            at,
            value: node,
        });
        Ok(())
    }
}

fn depth(node: &Node) -> usize {
    let below = match &node.kind {
        Kind::List(items) => items.iter().map(depth).max(),
        Kind::Map(entries) => entries.iter().map(|entry| depth(&entry.value)).max(),
        Kind::Null | Kind::Scalar(_) => return 0,
    };
    1 + below.unwrap_or(0)
}

fn text_bytes(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(scalar) => scalar.text.len(),
        Kind::List(items) => items.iter().map(text_bytes).sum(),
        Kind::Map(entries) => entries.iter().map(|entry| text_bytes(&entry.value)).sum(),
        Kind::Null => 0,
    }
}
