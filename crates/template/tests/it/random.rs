//! Templates made at random, rendered by Go and by us: the same text, or an error from both.
//!
//! Not made is what is known to differ: what the peer's version does not know yet (ranges over
//! numbers, the empty value of an attribute without quotes) and structures of Go's own that show
//! when a time is printed as a number.

use crate::go::{ask_go, differences};

/// How many of each kind.
const COUNT: usize = 1500;
const SEED: u64 = 0x5eed_0f07_e3b1_a7e5;

const FIELDS: [&str; 34] = [
    ".Int",
    ".Zero",
    ".Neg",
    ".Float",
    ".Big",
    ".Small",
    ".Text",
    ".Empty",
    ".Markup",
    ".Link",
    ".Yes",
    ".No",
    ".Nil",
    ".Texts",
    ".None",
    ".List",
    ".Map",
    ".Any",
    ".Labels",
    ".Pair",
    ".Wait",
    ".Map.a",
    ".Map.zz",
    ".Any.n",
    ".Any.zz",
    ".Any.m.k",
    ".Labels.job",
    ".Labels.Names",
    ".Pair.Name",
    ".Wait.Seconds",
    ".At.Year",
    "$.Int",
    ".Missing",
    ".Name",
];

const CONSTANTS: [&str; 18] = [
    "1",
    "0",
    "-3",
    "2.5",
    "1e3",
    "\"a\"",
    "\"b c\"",
    "`raw`",
    "'x'",
    "true",
    "false",
    "nil",
    "0x1F",
    "1000000.0",
    "1e21",
    "\"<&>\"",
    "3",
    "\"\"",
];

const VERBS: [&str; 36] = [
    "%v", "%d", "%s", "%q", "%x", "%X", "%f", "%.2f", "%e", "%g", "%t", "%5d", "%-6s", "%06.2f",
    "%+d", "%+v", "% x", "%c", "%U", "%o", "%b", "%08.3f", "%.3s", "%[1]v", "%[2]d", "%*d", "%%",
    "%z", "%6.3v", "%+.2e", "%#x", "%G", "%5t", "%-5v|", "%.0f", "%+q",
];

const FUNCTIONS: [&str; 17] = [
    "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "len", "index", "print", "println",
    "html", "js", "urlquery", "toUpper",
];

const STAGES: [&str; 10] = [
    "print",
    "html",
    "js",
    "urlquery",
    "len",
    "toUpper",
    "not",
    "eq 1",
    "index .Texts",
    "printf \"%s-%v\" \"k\"",
];

const COLLECTIONS: [&str; 6] = [".Texts", ".Map", ".Pairs", ".None", ".List", ".Labels"];

const MARKED: [&str; 16] = [
    ".Markup",
    ".Link",
    ".Text",
    ".Int",
    ".Nil",
    ".Empty",
    ".Markup | html",
    ".Text | urlquery",
    "safeHtml .Markup",
    "safeUrl .Link",
    ".Texts",
    "\"a+b\"",
    "\"javascript:x\"",
    "\"it's\"",
    "\"/p?q=1\"",
    "\"a&amp;b\"",
];

/// `V` is a value.
const PLACES: [&str; 22] = [
    "V",
    "<p title=\"V\">x</p>",
    "<p title='V'>x</p>",
    "<a href=\"V\">x</a>",
    "<a href='V'>",
    "<a href=\"/x?q=V&r=V\">",
    "<a href=\"/p/V/V?a=V\">",
    "<a href=\"VV\">",
    "<textarea>V</textarea>",
    "<title>V</title>",
    "<!-- V -->",
    "<p style=\"color: V\">",
    "<p style=\"width: Vpx; a: V\">",
    "<img src=\"V\" alt=\"V\">",
    "1 < 2 & 3",
    "<br>",
    "<p class=\"a V b\">",
    "<a HREF = \"V\" >",
    "<p data-x=\"V\" data-src=\"V\">",
    "<a href=\"mailto:V\">",
    "<a href=\"http://h/V#V\">",
    "<p\n title=\"V\"/>",
];

/// SplitMix64: the same templates each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn of(&mut self, choices: &[&str]) -> String {
        choices[self.roll(choices.len())].to_owned()
    }

    fn operand(&mut self, depth: usize) -> String {
        match self.roll(20) {
            0..8 => self.of(&FIELDS),
            8..13 => self.of(&CONSTANTS),
            13 => self.of(&["$x", "$y"]),
            _ if depth > 2 => self.of(&FIELDS),
            _ => {
                let field = self.of(&["", "", "", ".Name", ".a"]);
                format!("({}){field}", self.pipe(depth + 1))
            }
        }
    }

    fn command(&mut self, depth: usize) -> String {
        if self.one_in(4) {
            return self.operand(depth);
        }
        let mut command = if self.one_in(5) {
            let verbs = [self.of(&VERBS), self.of(&VERBS)];
            format!("printf \"{}\"", verbs[..=self.roll(2)].join(" "))
        } else {
            self.of(&FUNCTIONS)
        };
        for _ in 0..[1, 1, 2, 2, 2, 3, 0][self.roll(7)] {
            command.push(' ');
            command.push_str(&self.operand(depth));
        }
        command
    }

    fn pipe(&mut self, depth: usize) -> String {
        let mut pipe = self.command(depth);
        while self.one_in(5) {
            pipe.push_str(" | ");
            pipe.push_str(&self.of(&STAGES));
        }
        pipe
    }

    fn nodes(&mut self, depth: usize) -> String {
        let count = 1 + self.roll(2);
        (0..count).map(|_| self.node(depth)).collect()
    }

    fn node(&mut self, depth: usize) -> String {
        let (open, close) = (
            self.of(&["{{", "{{- ", "{{ "]),
            self.of(&["}}", " -}}", " }}"]),
        );
        match self.roll(20) {
            0..3 => self.of(&["a", " ", "\n", "x y", "<b>"]),
            3..10 => format!("{open}{}{close}", self.pipe(0)),
            10 => format!(
                "{open}{}{}{close}",
                self.of(&["$x := ", "$y := ", "$x = "]),
                self.pipe(0)
            ),
            _ if depth > 2 => format!("{open}{}{close}", self.pipe(0)),
            11..14 => {
                let (head, body, other) =
                    (self.pipe(0), self.nodes(depth + 1), self.nodes(depth + 1));
                format!("{open}if {head}{close}{body}{{{{else}}}}{other}{{{{end}}}}")
            }
            14..16 => {
                let (head, body) = (self.pipe(0), self.nodes(depth + 1));
                let variable = self.of(&["", "$x := "]);
                format!("{open}with {variable}{head}{close}{body}{{{{end}}}}")
            }
            16..19 => {
                let variables = self.of(&["", "$x := ", "$x, $y := "]);
                let (over, body) = (self.of(&COLLECTIONS), self.nodes(depth + 1));
                let jump = self.of(&["", "", "{{break}}", "{{if eq . \"b\"}}{{continue}}{{end}}"]);
                format!(
                    "{open}range {variables}{over}{close}{jump}{body}{{{{else}}}}none{{{{end}}}}"
                )
            }
            _ => format!("{open}template \"t\" {}{close}", self.operand(0)),
        }
    }

    fn marked(&mut self) -> String {
        let mut out = String::new();
        for _ in 0..=self.roll(2) {
            let place = self.of(&PLACES);
            for (index, part) in place.split('V').enumerate() {
                if index > 0 {
                    out.push_str("{{");
                    out.push_str(&self.of(&MARKED));
                    out.push_str("}}");
                }
                out.push_str(part);
            }
        }
        out
    }
}

#[test]
fn templates_made_at_random_render_the_same() {
    let mut dice = Dice(SEED);
    let mut cases = Vec::new();
    for _ in 0..COUNT {
        let nodes = dice.nodes(0);
        let text = format!(
            "{{{{$x := 1}}}}{{{{$y := \"s\"}}}}{nodes}{{{{define \"t\"}}}}<{{{{.}}}}>{{{{end}}}}"
        );
        cases.push(("text", text));
        cases.push(("html", dice.marked()));
    }
    let Some(answers) = ask_go(&cases) else {
        return;
    };
    let rendered = answers
        .iter()
        .filter(|(_, _, answer)| answer.is_some())
        .count();
    assert!(rendered > COUNT, "most of them render: {rendered}");
    let wrong = differences(&answers);
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
