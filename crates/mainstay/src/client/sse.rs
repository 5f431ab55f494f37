//! Server-sent events, read piece by piece.
//!
//! Source: WHATWG HTML, "Server-sent events", 9.2.6 (interpreting an event stream). Pure.

/// Longest line that is kept; what is longer is cut, so that a broken server cannot fill memory.
const MOST_LINE: usize = 4 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// `None`: none was given since the last.
    pub id: Option<String>,
    pub event: Option<String>,
    pub data: String,
}

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    message: Message,
    has_data: bool,
    after_return: bool,
}

impl Parser {
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => messages.extend(self.end_of_line()),
                _ if self.line.len() < MOST_LINE => self.line.push(byte),
                _ => {}
            }
        }
        messages
    }

    fn end_of_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            "id" => self.message.id = Some(value.to_owned()),
            "event" => self.message.event = Some(value.to_owned()),
            // `retry`, comments (an empty field) and what is not known.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pieces: &[&str]) -> Vec<Message> {
        let mut parser = Parser::default();
        pieces
            .iter()
            .flat_map(|piece| parser.feed(piece.as_bytes()))
            .collect()
    }

    #[test]
    fn an_event_may_arrive_in_any_pieces() {
        let text = "id: 7\nevent: log\ndata: {\"a\":\ndata: 1}\n\n";
        let expected = vec![Message {
            id: Some("7".to_owned()),
            event: Some("log".to_owned()),
            data: "{\"a\":\n1}".to_owned(),
        }];
        assert_eq!(parse(&[text]), expected);
        for cut in 1..text.len() {
            assert_eq!(
                parse(&[&text[..cut], &text[cut..]]),
                expected,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn comments_and_unfinished_events_give_nothing() {
        assert_eq!(
            parse(&[": keep-alive\n\n", "id: 3\n\n", "data: x\n"]),
            vec![]
        );
    }

    #[test]
    fn every_line_ending_of_the_standard_counts_once() {
        for ending in ["\n", "\r", "\r\n"] {
            let text = format!("data: a{ending}{ending}data{ending}{ending}");
            let data: Vec<String> = parse(&[&text]).into_iter().map(|m| m.data).collect();
            assert_eq!(data, ["a", ""], "{ending:?}");
        }
    }
}
