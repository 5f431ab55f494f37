//! Functions of one number.

use super::column::is_absent;
use super::names::Same;
use super::{Column, Done, Evaluator, Grid, Sink};
use crate::ast::Call;
use crate::functions::ElementFn;

impl Evaluator<'_> {
    /// A call of a function of one number, with up to two scalars.
    pub(super) fn element_call(
        &self,
        call: &Call,
        function: ElementFn,
        grid: Grid,
        sink: Sink<'_>,
    ) -> Done {
        let Some((vector, scalars)) = call.args.split_first() else {
            return Ok(());
        };
        let scalars: Vec<Column> = scalars
            .iter()
            .map(|scalar| self.scalar(scalar, grid))
            .collect::<Result<_, _>>()?;
        let scalar = |which: usize, step: usize| {
            let column = scalars.get(which).map(|column| column.get(step).copied());
            column.flatten()
        };
        self.dropping_names(vector, grid, Same::Merges, sink, &|row| {
            for (step, value) in row.values.iter_mut().enumerate() {
                if !is_absent(*value) {
                    *value = apply(function, *value, &|which| scalar(which, step));
                }
            }
            Ok(())
        })
    }
}

/// The value, absent where a clamp has no room.
fn apply(function: ElementFn, value: f64, scalar: &dyn Fn(usize) -> Option<f64>) -> f64 {
    let given = |which| scalar(which).unwrap_or(f64::NAN);
    match function {
        ElementFn::Abs => value.abs(),
        ElementFn::Acos => value.acos(),
        ElementFn::Acosh => value.acosh(),
        ElementFn::Asin => value.asin(),
        ElementFn::Asinh => value.asinh(),
        ElementFn::Atan => value.atan(),
        ElementFn::Atanh => value.atanh(),
        ElementFn::Ceil => value.ceil(),
        ElementFn::Clamp => clamp(value, given(0), given(1)),
        ElementFn::ClampMax => clamp(value, f64::NEG_INFINITY, given(0)),
        ElementFn::ClampMin => clamp(value, given(0), f64::INFINITY),
        ElementFn::Cos => value.cos(),
        ElementFn::Cosh => value.cosh(),
        ElementFn::Deg => value * 180.0 / std::f64::consts::PI,
        ElementFn::Exp => value.exp(),
        ElementFn::Floor => value.floor(),
        ElementFn::Ln => value.ln(),
        ElementFn::Log10 => value.log10(),
        ElementFn::Log2 => value.log2(),
        ElementFn::Rad => value * std::f64::consts::PI / 180.0,
        ElementFn::Round => {
            let inverse = 1.0 / scalar(0).unwrap_or(1.0);
            (value * inverse + 0.5).floor() / inverse
        }
        ElementFn::Sgn if value > 0.0 => 1.0,
        ElementFn::Sgn if value < 0.0 => -1.0,
        ElementFn::Sgn => value,
        ElementFn::Sin => value.sin(),
        ElementFn::Sinh => value.sinh(),
        ElementFn::Sqrt => value.sqrt(),
        ElementFn::Tan => value.tan(),
        ElementFn::Tanh => value.tanh(),
    }
}

fn clamp(value: f64, lowest: f64, highest: f64) -> f64 {
    if highest < lowest {
        return super::ABSENT;
    }
    if value.is_nan() || lowest.is_nan() || highest.is_nan() {
        return f64::NAN;
    }
    lowest.max(highest.min(value))
}
