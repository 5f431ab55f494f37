//! The newest exemplars, in a ring: they show where a figure came from, and are not kept for long.
//!
//! They answer out of memory; the log has those of series in the head, so that a restart finds them again.

use std::collections::{BTreeMap, VecDeque};

use mainstay_series::{Labels, Matcher, Window};

/// One observation that stands for others.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Of the series it belongs to.
    pub series: Labels,
    /// Its own, a trace's id for instance.
    pub labels: Labels,
    pub time_ms: i64,
    pub value: f64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ring {
    limit: usize,
    all: VecDeque<Exemplar>,
    /// The newest time of each series that is in the ring, and how many it has there.
    newest: hashbrown::HashMap<Labels, (i64, usize)>,
}

impl Ring {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            all: VecDeque::new(),
            newest: hashbrown::HashMap::new(),
        }
    }

    /// Takes one, unless its series has one that is as new: a target shows the same one again at
    /// each scrape. Whether it was taken.
    pub(crate) fn add(&mut self, exemplar: Exemplar) -> bool {
        if self.limit == 0 {
            return false;
        }
        let known = self.newest.get(&exemplar.series);
        if known.is_some_and(|(time_ms, _)| *time_ms >= exemplar.time_ms) {
            return false;
        }
        if self.all.len() >= self.limit {
            self.drop_oldest();
        }
        let entry = self.newest.entry(exemplar.series.clone()).or_insert((0, 0));
        *entry = (exemplar.time_ms, entry.1 + 1);
        self.all.push_back(exemplar);
        true
    }

    fn drop_oldest(&mut self) {
        let Some(gone) = self.all.pop_front() else {
            return;
        };
        if let Some((_, count)) = self.newest.get_mut(&gone.series) {
            *count -= 1;
            if *count == 0 {
                self.newest.remove(&gone.series);
            }
        }
    }

    /// Those of a window whose series meets all matchers of one of the sets, by series and time.
    pub(crate) fn find(&self, sets: &[Vec<Matcher>], window: Window) -> Vec<Exemplar> {
        let meets = |series: &Labels| {
            let meets = |m: &Matcher| m.matches(series.get(m.name()).unwrap_or(""));
            sets.iter().any(|set| set.iter().all(meets))
        };
        let within = self.all.iter().filter(|e| window.contains(e.time_ms));
        let mut by_series: BTreeMap<&Labels, Vec<&Exemplar>> = BTreeMap::new();
        for exemplar in within.filter(|exemplar| meets(&exemplar.series)) {
            by_series
                .entry(&exemplar.series)
                .or_default()
                .push(exemplar);
        }
        by_series.into_values().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(series: &str, time_ms: i64) -> Exemplar {
        Exemplar {
            series: Labels::from_pairs([("__name__", series)]),
            labels: Labels::from_pairs([("trace_id", time_ms.to_string())]),
            time_ms,
            value: 1.0,
        }
    }

    #[test]
    fn the_newest_stay_and_repetitions_are_not_taken() {
        let mut ring = Ring::new(3);
        assert!(ring.add(of("b", 1)) && ring.add(of("a", 2)));
        assert!(!ring.add(of("a", 2)) && !ring.add(of("a", 1)));
        assert!(ring.add(of("a", 3)) && ring.add(of("a", 4)));
        let all = vec![vec![Matcher::regex("__name__", ".+").unwrap()]];
        let times = |window| {
            ring.find(&all, window)
                .iter()
                .map(|e| e.time_ms)
                .collect::<Vec<_>>()
        };
        assert_eq!(times(Window::ALL), [2, 3, 4]);
        let window = Window {
            start_ms: 3,
            end_ms: 3,
        };
        assert_eq!(times(window), [3]);
        assert_eq!(ring.newest.len(), 1);
        assert!(
            ring.find(&[vec![Matcher::equal("__name__", "b")]], Window::ALL)
                .is_empty()
        );
    }
}
