//! Parts of the date that a value is, in seconds since the epoch.

use super::column::{Row, is_absent};
use super::names::Same;
use super::{Done, Evaluator, Grid, Sink};
use crate::ast::Call;
use crate::civil::Civil;
use crate::functions::DatePart;
use mainstay_series::Labels;

impl Evaluator<'_> {
    /// Of every value of a vector, or of the step's time where there is none.
    pub(super) fn date_call(
        &self,
        call: &Call,
        part: DatePart,
        grid: Grid,
        sink: Sink<'_>,
    ) -> Done {
        let Some(vector) = call.args.first() else {
            let mut values = self.column(grid, 0.0)?;
            for (step, value) in values.iter_mut().enumerate() {
                *value = of(part, grid.time(step).div_euclid(1000));
            }
            return sink(Row {
                labels: Labels::empty(),
                drop_name: false,
                values,
            });
        };
        self.dropping_names(vector, grid, Same::Merges, sink, &|row| {
            for value in row.values.iter_mut().filter(|value| !is_absent(**value)) {
                *value = of(part, seconds(*value));
            }
            Ok(())
        })
    }
}

/// What is no time is the earliest one, as on Prometheus's most common machines.
fn seconds(value: f64) -> i64 {
    let fits = (i64::MIN as f64..i64::MAX as f64).contains(&value);
    if fits { value as i64 } else { i64::MIN }
}

fn of(part: DatePart, seconds: i64) -> f64 {
    let civil = Civil::from_seconds(seconds);
    let number = match part {
        DatePart::DayOfMonth => civil.day,
        DatePart::DayOfWeek => civil.weekday,
        DatePart::DayOfYear => civil.day_of_year,
        DatePart::DaysInMonth => civil.days_in_month(),
        DatePart::Hour => civil.hour,
        DatePart::Minute => civil.minute,
        DatePart::Month => civil.month,
        DatePart::Year => civil.year,
    };
    number as f64
}
