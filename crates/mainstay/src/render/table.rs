//! Tables without borders: a faint heading and columns two spaces apart.

use crate::look::{Look, Tone};
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};

/// One cell: its text and what its colour says.
#[derive(Debug, Clone)]
pub struct Entry {
    text: String,
    tone: Option<Tone>,
    right: bool,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "rows read better without a reference before each value"
)]
impl Entry {
    pub fn new(text: impl ToString) -> Self {
        Self {
            text: text.to_string(),
            tone: None,
            right: false,
        }
    }

    /// What is absent is a dash, so that columns can be cut apart by scripts and eyes.
    pub fn optional(value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => Self::new(value),
            None => Self::new("-").tone(Tone::Faint),
        }
    }

    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
        self
    }

    /// For numbers.
    #[must_use]
    pub fn right(mut self) -> Self {
        self.right = true;
        self
    }

    fn cell(self) -> Cell {
        let mut cell = Cell::new(self.text);
        if self.right {
            cell = cell.set_alignment(CellAlignment::Right);
        }
        match self.tone {
            Some(Tone::Good) => cell.fg(Color::DarkGreen),
            Some(Tone::Warning) => cell.fg(Color::DarkYellow),
            Some(Tone::Bad) => cell.fg(Color::DarkRed),
            Some(Tone::Accent) => cell.fg(Color::DarkCyan),
            Some(Tone::Faint) => cell.add_attribute(Attribute::Dim),
            Some(Tone::Strong) => cell.add_attribute(Attribute::Bold),
            None => cell,
        }
    }
}

/// Heading and rows as text, no line longer than the look is wide, nothing at the end of lines.
pub fn table(look: Look, heading: &[&str], rows: Vec<Vec<Entry>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if look.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    if let Some(width) = look.width {
        table.set_width(width);
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    let numbers = rows
        .first()
        .map(|row| row.iter().map(|e| e.right).collect::<Vec<_>>());
    let heading = heading.iter().enumerate().map(|(index, text)| {
        let entry = Entry::new(text).tone(Tone::Faint);
        let right = numbers
            .as_ref()
            .is_some_and(|n| n.get(index) == Some(&true));
        if right { entry.right() } else { entry }.cell()
    });
    table.set_header(heading.collect::<Vec<_>>());
    for row in rows {
        table.add_row(row.into_iter().map(Entry::cell).collect::<Vec<_>>());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}
