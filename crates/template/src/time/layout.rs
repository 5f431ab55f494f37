//! Go's layouts: a time is written as one certain time is written in them.

/// The year's months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The week's days.
pub(super) const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// One element of a layout.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element {
    Year,
    Year2,
    Month,
    Mon,
    MonthNumber(usize),
    Weekday,
    Wday,
    Day(usize),
    DaySpaced,
    YearDay,
    YearDaySpaced,
    Hour,
    Hour12(usize),
    Minute(usize),
    Second(usize),
    Pm(bool),
    Fraction { nines: bool },
    Offset { z: bool, colon: bool, parts: u8 },
    Zone,
}

const fn offset(z: bool, colon: bool, parts: u8) -> Element {
    Element::Offset { z, colon, parts }
}

/// Longest first where one is the beginning of another.
const ELEMENTS: [(&str, Element); 33] = [
    ("January", Element::Month),
    ("Jan", Element::Mon),
    ("Monday", Element::Weekday),
    ("Mon", Element::Wday),
    ("MST", Element::Zone),
    ("2006", Element::Year),
    ("002", Element::YearDay),
    ("__2", Element::YearDaySpaced),
    ("01", Element::MonthNumber(2)),
    ("02", Element::Day(2)),
    ("03", Element::Hour12(2)),
    ("04", Element::Minute(2)),
    ("05", Element::Second(2)),
    ("06", Element::Year2),
    ("15", Element::Hour),
    ("_2", Element::DaySpaced),
    ("PM", Element::Pm(true)),
    ("pm", Element::Pm(false)),
    ("-07:00:00", offset(false, true, 3)),
    ("-070000", offset(false, false, 3)),
    ("-07:00", offset(false, true, 2)),
    ("-0700", offset(false, false, 2)),
    ("-07", offset(false, false, 1)),
    ("Z07:00:00", offset(true, true, 3)),
    ("Z070000", offset(true, false, 3)),
    ("Z07:00", offset(true, true, 2)),
    ("Z0700", offset(true, false, 2)),
    ("Z07", offset(true, false, 1)),
    ("1", Element::MonthNumber(1)),
    ("2", Element::Day(1)),
    ("3", Element::Hour12(1)),
    ("4", Element::Minute(1)),
    ("5", Element::Second(1)),
];

/// The element at the beginning of a layout, and its length.
pub(super) fn element(rest: &str) -> Option<(usize, Element)> {
    if rest.starts_with("_2006") {
        // An underscore, and behind it the year.
        return None;
    }
    if let Some(digits) = rest.strip_prefix(['.', ',']) {
        let first = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
        let count = digits.chars().take_while(|c| *c == first).count();
        if digits[count..].starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let nines = first == '9';
        return Some((1 + count, Element::Fraction { nines }));
    }
    let (text, element) = ELEMENTS.iter().find(|(text, _)| rest.starts_with(text))?;
    if *text == "Jan" || *text == "Mon" {
        // `Janet` is a name and no month.
        let next = rest[3..].chars().next();
        if next.is_some_and(|next| next.is_ascii_lowercase()) {
            return None;
        }
    }
    Some((text.len(), *element))
}
