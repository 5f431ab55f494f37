//! Metrics as people read them: results of queries, targets, what takes room.

use super::chart::{Frame, Line, chart, short};
use crate::look::{Look, Tone};
use crate::render::quantity::ago;
use crate::render::table::{Entry, table};
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines of a chart; more cannot be told apart.
const LINES: usize = 6;

pub type Labels = BTreeMap<String, String>;

/// The envelope of every answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope<T> {
    pub data: T,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default)]
    pub infos: Vec<String>,
}

/// What a query came to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub enum Answer {
    Scalar((f64, String)),
    String((f64, String)),
    Vector(Vec<VectorRow>),
    Matrix(Vec<MatrixRow>),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct VectorRow {
    pub metric: Labels,
    pub value: (f64, String),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct MatrixRow {
    pub metric: Labels,
    pub values: Vec<(f64, String)>,
}

/// One target, of `/api/v1/targets`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub labels: Labels,
    pub scrape_pool: String,
    pub scrape_url: String,
    pub last_error: String,
    pub last_scrape: Option<Timestamp>,
    /// Seconds.
    pub last_scrape_duration: f64,
    pub health: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    pub active_targets: Vec<Target>,
}

/// Of `/api/v1/status/tsdb`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    pub head_stats: Head,
    pub series_count_by_metric_name: Vec<Count>,
    pub label_value_count_by_label_name: Vec<Count>,
    pub series_count_by_label_value_pair: Vec<Count>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    pub num_series: u64,
    pub chunk_count: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Count {
    pub name: String,
    pub value: u64,
}

/// `name{label="value"}`
pub fn series(labels: &Labels) -> String {
    let name = labels.get("__name__").cloned().unwrap_or_default();
    let others = labels.iter().filter(|(label, _)| *label != "__name__");
    let others: Vec<String> = others
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    match others.len() {
        0 if name.is_empty() => "{}".to_owned(),
        0 => name,
        _ => format!("{name}{{{}}}", others.join(", ")),
    }
}

pub fn answer(answer: &Answer, look: Look) -> String {
    match answer {
        Answer::Scalar((_, value)) | Answer::String((_, value)) => value.clone(),
        Answer::Vector(rows) if rows.is_empty() => nothing(),
        Answer::Vector(rows) => {
            let rows = rows.iter().map(|row| {
                vec![
                    Entry::new(series(&row.metric)),
                    Entry::new(&row.value.1).right().tone(Tone::Strong),
                ]
            });
            table(look, &["SERIES", "VALUE"], rows.collect())
        }
        Answer::Matrix(rows) if rows.is_empty() => nothing(),
        Answer::Matrix(rows) => ranges(rows, look),
    }
}

fn nothing() -> String {
    "no series; `mainstay targets` shows what is scraped, `mainstay metrics top` what there is"
        .to_owned()
}

/// The chart of the first lines, and the figures of all.
pub fn drawn(rows: &[MatrixRow], frame: Frame, look: Look) -> String {
    if rows.is_empty() {
        return nothing();
    }
    let lines: Vec<Line> = rows.iter().take(LINES).map(line).collect();
    let mut text = chart(look, &lines, frame);
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    if rows.len() > LINES {
        let more = format!("the first {LINES} of {} series are drawn\n", rows.len());
        text.push_str(&look.paint(Tone::Faint, more));
    }
    text.push_str(&ranges(rows, look));
    text
}

fn line(row: &MatrixRow) -> Line {
    let points = row.values.iter();
    let points = points.filter_map(|(time, value)| {
        let value: f64 = value.parse().ok()?;
        Some(((time * 1_000.0).round() as i64, value))
    });
    Line {
        name: series(&row.metric),
        points: points.collect(),
    }
}

fn ranges(rows: &[MatrixRow], look: Look) -> String {
    let rows = rows.iter().enumerate().map(|(index, row)| {
        let line = line(row);
        let values = || line.points.iter().map(|(_, value)| *value);
        let least = values().fold(f64::INFINITY, f64::min);
        let most = values().fold(f64::NEG_INFINITY, f64::max);
        let last = values().next_back().map(short);
        let mark = if index < LINES {
            look.distinguish(index, "━")
        } else {
            " ".to_owned()
        };
        vec![
            Entry::new(mark),
            Entry::new(line.name),
            Entry::new(short(least)).right(),
            Entry::new(short(most)).right(),
            Entry::optional(last).right().tone(Tone::Strong),
        ]
    });
    let titles = ["", "SERIES", "LEAST", "MOST", "LAST"];
    table(look, &titles, rows.collect())
}

pub fn targets(targets: &[Target], now: Timestamp, look: Look) -> String {
    if targets.is_empty() {
        return "nothing is scraped; an instance is once it answers /metrics on its port, or stands under `metrics` in mainstay.yaml".to_owned();
    }
    let rows = targets.iter().map(|target| {
        let tone = match target.health.as_str() {
            "up" => Tone::Good,
            "down" => Tone::Bad,
            _ => Tone::Faint,
        };
        let of = |label: &str| target.labels.get(label).cloned();
        let last = target.last_scrape.filter(|time| time.as_millis() > 0);
        vec![
            Entry::optional(of("job")),
            Entry::optional(of("instance")),
            Entry::optional(of("environment")),
            Entry::new(&target.health).tone(tone),
            Entry::optional(last.map(|time| ago(time, now))),
            Entry::optional(last.map(|_| format!("{:.0} ms", target.last_scrape_duration * 1e3)))
                .right(),
            Entry::new(&target.scrape_url),
        ]
    });
    let titles = [
        "JOB",
        "INSTANCE",
        "ENVIRONMENT",
        "HEALTH",
        "SCRAPED",
        "TOOK",
        "URL",
    ];
    let mut text = table(look, &titles, rows.collect());
    for target in targets
        .iter()
        .filter(|target| !target.last_error.is_empty())
    {
        let label = look.paint(Tone::Bad, format!("{}:", target.scrape_url));
        let _ = write!(text, "\n{label} {}\n", target.last_error);
    }
    text
}

pub fn room(room: &Room, look: Look) -> String {
    let head = &room.head_stats;
    let mut text = format!(
        "{} series in {} chunks, in memory\n",
        head.num_series, head.chunk_count
    );
    for (title, unit, rows) in [
        ("METRIC", "SERIES", &room.series_count_by_metric_name),
        ("LABEL", "VALUES", &room.label_value_count_by_label_name),
        ("PAIR", "SERIES", &room.series_count_by_label_value_pair),
    ] {
        let rows = rows
            .iter()
            .map(|row| vec![Entry::new(&row.name), Entry::new(row.value).right()]);
        let _ = write!(text, "\n{}\n", table(look, &[title, unit], rows.collect()));
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
#[allow(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, str};

    fn of(json: &str) -> Answer {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_instant_answer_is_a_table_and_none_says_what_next() {
        let some = of(r#"{"resultType":"vector","result":[
            {"metric":{"__name__":"up","job":"app"},"value":[1.5,"1"]},
            {"metric":{},"value":[1.5,"NaN"]}]}"#);
        assert_data_eq!(
            answer(&some, Look::PLAIN),
            str![[r#"
SERIES         VALUE
up{job="app"}      1
{}               NaN
"#]]
        );
        let none = of(r#"{"resultType":"vector","result":[]}"#);
        assert!(answer(&none, Look::PLAIN).contains("mainstay targets"));
        let scalar = of(r#"{"resultType":"scalar","result":[1,"4.5"]}"#);
        assert_eq!(answer(&scalar, Look::PLAIN), "4.5");
    }

    #[test]
    fn a_range_has_its_figures() {
        let Answer::Matrix(rows) = of(r#"{"resultType":"matrix","result":[
            {"metric":{"service":"app"},"values":[[0,"1"],[60,"2500"],[120,"7"]]}]}"#)
        else {
            panic!();
        };
        assert_data_eq!(
            ranges(&rows, Look::PLAIN),
            str![[r#"
   SERIES           LEAST  MOST  LAST
━  {service="app"}      1  2.5k     7
"#]]
        );
    }
}
