//! Who is on call: people in turn, with overrides.

use jiff::civil::Date;
use jiff::{ToSpan, Unit};
use mainstay_model::Timestamp;

use crate::interval::Location;

/// The most people of one rota.
const LIMIT_PEOPLE: usize = 1000;

/// Somebody who is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    /// The receiver of the configuration that reaches them.
    pub receiver: String,
}

/// Somebody stands in for a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    pub person: Person,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// People who take turns.
#[derive(Debug, Clone, PartialEq)]
pub struct Rota {
    name: String,
    people: Vec<Person>,
    /// The first day of the first person's first turn.
    starts: Date,
    shift_days: i32,
    handover_minute: i32,
    zone: Location,
    /// The last that holds wins.
    overrides: Vec<Override>,
}

/// Who it is, and from when to when.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCall {
    pub person: Person,
    pub from: Timestamp,
    pub until: Timestamp,
    /// They stand in for another.
    pub stands_in: bool,
}

/// Why a rota is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotaError {
    #[error("rota `{0}` has no people, or more than {LIMIT_PEOPLE}")]
    People(String),
    #[error("rota `{name}`: `{date}` is no day\n  hint: write `2026-01-31`")]
    Day { name: String, date: String },
    #[error("rota `{name}`: a turn takes 1 to 366 days, not {days}")]
    Days { name: String, days: i32 },
    #[error("rota `{name}`: `{time}` is no time of day\n  hint: write `09:00`")]
    Handover { name: String, time: String },
    #[error(
        "rota `{name}`: there is no zone `{zone}`\n  hint: write a name such as `Europe/Zurich`"
    )]
    Zone { name: String, zone: String },
}

impl Rota {
    /// People in turn, `shift_days` days each from the day `starts` (`2026-01-05`) on; they hand over at
    /// `handover` (`09:00`) in the zone.
    pub fn new(
        name: &str,
        people: Vec<Person>,
        starts: &str,
        shift_days: i32,
        handover: &str,
        zone: &str,
    ) -> Result<Self, RotaError> {
        let name = name.to_owned();
        if people.is_empty() || people.len() > LIMIT_PEOPLE {
            return Err(RotaError::People(name));
        }
        if !(1..=366).contains(&shift_days) {
            return Err(RotaError::Days {
                name,
                days: shift_days,
            });
        }
        let Ok(day) = starts.parse() else {
            return Err(RotaError::Day {
                name,
                date: starts.to_owned(),
            });
        };
        let minute = crate::interval::minute_of_day(handover).filter(|minute| *minute < 1440);
        let Some(handover_minute) = minute else {
            return Err(RotaError::Handover {
                name,
                time: handover.to_owned(),
            });
        };
        let Some(location) = Location::named(zone) else {
            return Err(RotaError::Zone {
                name,
                zone: zone.to_owned(),
            });
        };
        Ok(Self {
            name,
            people,
            starts: day,
            shift_days,
            handover_minute,
            zone: location,
            overrides: Vec::new(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Adds somebody who stands in.
    pub fn stand_in(&mut self, person: Person, from: Timestamp, until: Timestamp) {
        self.overrides.push(Override {
            person,
            from,
            until,
        });
    }

    /// Who is on call; before the first day it is whose turn it would be, counted back.
    pub fn who(&self, at: Timestamp) -> Option<OnCall> {
        let holds = |o: &&Override| o.from <= at && at < o.until;
        if let Some(over) = self.overrides.iter().rev().find(holds) {
            return Some(OnCall {
                person: over.person.clone(),
                from: over.from,
                until: over.until,
                stands_in: true,
            });
        }
        let local = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        let local = local.to_zoned(self.zone.zone().clone());
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let mut day = local.date();
        if minute < self.handover_minute {
            day = day.checked_sub(1.day()).ok()?;
        }
        let days = self.starts.until((Unit::Day, day)).ok()?.get_days();
        let turn = days.div_euclid(self.shift_days);
        let person = turn.rem_euclid(i32::try_from(self.people.len()).ok()?);
        let from = self.handover(turn)?;
        Some(OnCall {
            person: self.people.get(usize::try_from(person).ok()?)?.clone(),
            from,
            until: self.handover(turn + 1)?,
            stands_in: false,
        })
    }

    /// When a turn begins. A time that a change of the clock leaves out is the next that there is.
    fn handover(&self, turn: i32) -> Option<Timestamp> {
        let day = self
            .starts
            .checked_add((turn * self.shift_days).days())
            .ok()?;
        let (hour, minute) = (self.handover_minute / 60, self.handover_minute % 60);
        let time = day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
        let zoned = time.to_zoned(self.zone.zone().clone()).ok()?;
        Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(time.as_millisecond())
    }

    fn person(name: &str) -> Person {
        Person {
            name: name.to_owned(),
            receiver: format!("{name}-phone"),
        }
    }

    fn rota() -> Rota {
        let people = ["ann", "bob", "cleo"].map(person).to_vec();
        Rota::new("web", people, "2026-01-05", 7, "09:00", "Europe/Zurich").unwrap()
    }

    #[test]
    fn people_take_turns_and_hand_over_by_the_clock_of_their_zone() {
        for (time, name) in [
            ("2026-01-05T08:00:00Z", "ann"),
            ("2026-01-05T07:59:59Z", "cleo"),
            ("2026-01-12T07:59:59Z", "ann"),
            ("2026-01-12T08:00:00Z", "bob"),
            ("2026-01-26T08:00:00Z", "ann"),
            // In summer 09:00 is an hour earlier.
            ("2026-06-29T06:59:59Z", "ann"),
            ("2026-06-29T07:00:00Z", "bob"),
            ("2025-12-29T08:00:00Z", "cleo"),
        ] {
            assert_eq!(rota().who(at(time)).unwrap().person.name, name, "{time}");
        }
        // A week with a change of the clock is an hour shorter.
        let week = rota().who(at("2026-03-25T12:00:00Z")).unwrap();
        assert_eq!(week.until.since(week.from).as_secs(), (7 * 24 - 1) * 3600);
    }

    #[test]
    fn somebody_stands_in() {
        let mut rota = rota();
        rota.stand_in(
            person("dan"),
            at("2026-01-06T00:00:00Z"),
            at("2026-01-07T00:00:00Z"),
        );
        let who = |time: &str| rota.who(at(time)).unwrap();
        assert_eq!(
            (
                who("2026-01-06T12:00:00Z").person.name.as_str(),
                who("2026-01-06T12:00:00Z").stands_in
            ),
            ("dan", true)
        );
        assert_eq!(who("2026-01-07T00:00:00Z").person.name, "ann");
    }

    #[test]
    fn what_is_no_rota_is_refused() {
        let new = |people: Vec<Person>, day: &str, days, time: &str, zone: &str| {
            Rota::new("r", people, day, days, time, zone)
                .unwrap_err()
                .to_string()
        };
        let ann = || vec![person("ann")];
        assert!(new(vec![], "2026-01-05", 7, "09:00", "UTC").contains("no people"));
        assert!(new(ann(), "5.1.", 7, "09:00", "UTC").contains("`5.1.` is no day"));
        assert!(new(ann(), "2026-01-05", 0, "09:00", "UTC").contains("not 0"));
        assert!(new(ann(), "2026-01-05", 7, "24:00", "UTC").contains("`24:00` is no time"));
        assert!(new(ann(), "2026-01-05", 7, "09:00", "Mars").contains("no zone `Mars`"));
    }
}
