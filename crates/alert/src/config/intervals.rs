//! `time_intervals` and the older `mute_time_intervals`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use mainstay_yaml::tree::Node;

use super::fields::Fields;
use crate::interval::{
    Location, TimeInterval, TimeRange, days_of_month, minute_of_day, months, weekdays, years,
};

const NAMED: &[&str] = &["name", "time_intervals"];
const INTERVAL: &[&str] = &[
    "times",
    "weekdays",
    "days_of_month",
    "months",
    "years",
    "location",
];
const TIMES: &[&str] = &["start_time", "end_time"];

impl Fields<'_> {
    pub(super) fn time_intervals(&mut self, tree: &Node) -> BTreeMap<String, Vec<TimeInterval>> {
        let mut all = BTreeMap::new();
        for key in ["mute_time_intervals", "time_intervals"] {
            for node in self.list(tree, key) {
                if !self.section(node, key, NAMED) {
                    continue;
                }
                let Some(name) = self.text(node, "name") else {
                    self.error(node, "time-interval", "a time interval has no `name`");
                    continue;
                };
                let intervals = self.list(node, "time_intervals");
                let intervals = intervals.iter().map(|node| self.interval(node)).collect();
                if all.contains_key(&name) {
                    let message = format!("time interval `{name}` stands here twice");
                    self.error(node, "time-interval", message);
                }
                all.insert(name, intervals);
            }
        }
        all
    }

    /// One interval, as it stands in the file or wherever else a recurring time is asked for.
    pub(super) fn interval(&mut self, node: &Node) -> TimeInterval {
        if !self.section(node, "time_intervals", INTERVAL) {
            return TimeInterval::default();
        }
        let times = self.list(node, "times").iter();
        let times = times.filter_map(|node| self.times(node)).collect();
        let named = self.given(node, "location");
        let location = named.as_deref().and_then(Location::named);
        if let (Some(name), None, Some(at)) = (&named, &location, node.get("location")) {
            let hint = "write a name such as `Europe/Zurich` or `UTC`";
            self.mend(
                at,
                "time-interval",
                format!("there is no zone `{name}`"),
                hint,
            );
        }
        TimeInterval {
            times,
            weekdays: self.ranges(node, "weekdays", weekdays),
            days_of_month: self.ranges(node, "days_of_month", days_of_month),
            months: self.ranges(node, "months", months),
            years: self.ranges(node, "years", years),
            location,
        }
    }

    fn times(&mut self, node: &Node) -> Option<TimeRange> {
        if !self.section(node, "times", TIMES) {
            return None;
        }
        let (start, end) = (node.get("start_time"), node.get("end_time"));
        if start.is_none() || end.is_none() {
            self.error(
                node,
                "time-interval",
                "both `start_time` and `end_time` must be given",
            );
            return None;
        }
        let expected = "a time of day, `09:00` to `24:00`";
        let start_minute = self.parsed(node, "start_time", expected, minute_of_day)?;
        let end_minute = self.parsed(node, "end_time", expected, minute_of_day)?;
        if start_minute >= end_minute {
            let hint = "a range over midnight is two: up to `24:00`, and from `00:00`";
            self.mend(
                node,
                "time-interval",
                "`start_time` is not before `end_time`",
                hint,
            );
        }
        Some(TimeRange {
            start_minute,
            end_minute,
        })
    }

    fn ranges(
        &mut self,
        node: &Node,
        key: &str,
        read: impl Fn(&str) -> Result<RangeInclusive<i32>, String>,
    ) -> Vec<RangeInclusive<i32>> {
        let mut ranges = Vec::new();
        for (item, text) in self.texts(node, key) {
            match read(&text) {
                Ok(range) => ranges.push(range),
                Err(why) => {
                    self.error(item, "time-interval", format!("`{text}` in `{key}`: {why}"));
                }
            }
        }
        ranges
    }
}
