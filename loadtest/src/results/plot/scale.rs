//! From values to places on an axis, and where the axis has its ticks.

use crate::report::grouped;

#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    start_px: f64,
    end_px: f64,
    is_log: bool,
}

/// From this span on, points on a linear axis crowd at its start.
const LINEAR_SPAN_MAX: f64 = 30.0;

/// Ticks of a linear axis, about.
const LINEAR_TICKS: f64 = 5.0;

impl Scale {
    /// Linear from zero.
    pub(super) fn linear(highest: f64, start_px: f64, end_px: f64) -> Self {
        let step = step_for(highest);
        let to = (highest / step).ceil().max(1.0) * step;
        Self { from: 0.0, to, start_px, end_px, is_log: false }
    }

    /// Logarithmic, from the round number below the lowest to the one above the highest.
    pub(super) fn log(lowest: f64, highest: f64, start_px: f64, end_px: f64) -> Self {
        // A latency of zero is one below what the clock can tell.
        let lowest = lowest.max(1e-3);
        let (from, to) = (round_below(lowest), round_above(highest.max(lowest)));
        let to = if to > from { to } else { from * 10.0 };
        Self { from, to, start_px, end_px, is_log: true }
    }

    /// Linear where that shows all points apart.
    pub(super) fn fitting(lowest: f64, highest: f64, start_px: f64, end_px: f64) -> Self {
        if lowest * LINEAR_SPAN_MAX < highest {
            return Self::log(lowest, highest, start_px, end_px);
        }
        Self::linear(highest, start_px, end_px)
    }

    pub(super) fn px(&self, value: f64) -> f64 {
        let part = if self.is_log {
            (value.max(self.from) / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.start_px + part * (self.end_px - self.start_px)
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        if !self.is_log {
            let step = step_for(self.to);
            let count = (self.to / step).round();
            return (0..)
                .map(f64::from)
                .take_while(|at| *at <= count)
                .map(|at| at * step)
                .collect();
        }
        let decade_px = (self.end_px - self.start_px) / (self.to / self.from).log10();
        // Numbers on an axis to the right are wide, on one upwards they are a line high.
        let room_px = if decade_px > 0.0 { 72.0 } else { 18.0 };
        let has_room = decade_px.abs() * 2f64.log10() >= room_px;
        let digits: &[f64] = if has_room { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let first = exponent(self.from);
        let powers = (first..=exponent(self.to)).map(|exponent| 10f64.powi(exponent));
        let ticks = powers.flat_map(|power| digits.iter().map(move |digit| digit * power));
        // Powers of ten are not exact below one.
        let slack = 1.0 + 1e-9;
        ticks.filter(|at| *at * slack >= self.from && *at <= self.to * slack).collect()
    }
}

/// What a tick says: thousands apart, and decimals where there is nothing else.
pub(super) fn told(tick: f64) -> String {
    if tick == 0.0 || tick >= 10.0 {
        grouped(tick)
    } else {
        format!("{}", (tick * 1e6).round() / 1e6)
    }
}

fn exponent(value: f64) -> i32 {
    let exponent = (value.log10() + 1e-9).floor();
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of an f64 fits many times")]
    let exponent = exponent as i32;
    exponent
}

/// 1, 2 or 5 of a power of ten.
fn step_for(highest: f64) -> f64 {
    round_above(highest.max(f64::MIN_POSITIVE * 1e9) / LINEAR_TICKS)
}

fn round_below(value: f64) -> f64 {
    let power = 10f64.powi(exponent(value));
    [5.0, 2.0].iter().map(|digit| digit * power).find(|at| *at <= value).unwrap_or(power)
}

fn round_above(value: f64) -> f64 {
    let power = 10f64.powi(exponent(value));
    let above = [1.0, 2.0, 5.0].iter().map(|digit| digit * power);
    above.into_iter().find(|at| *at >= value * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_begin_at_zero_and_end_behind_the_highest() {
        let scale = Scale::linear(930.0, 100.0, 300.0);
        assert_eq!(scale.ticks(), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!([0.0, 500.0, 1000.0].map(|at| scale.px(at)), [100.0, 200.0, 300.0]);
        assert_eq!(Scale::linear(0.0, 0.0, 1.0).px(0.0), 0.0);
    }

    #[test]
    fn logarithmic_axes_have_round_ends_and_ticks() {
        let scale = Scale::log(30.0, 4000.0, 300.0, 0.0);
        let ticks: Vec<_> = scale.ticks().into_iter().map(told).collect();
        assert_eq!(ticks, ["20", "50", "100", "200", "500", "1,000", "2,000", "5,000"]);
        assert_eq!([20.0, 5000.0].map(|at| scale.px(at).round()), [300.0, 0.0]);
        let wide = Scale::log(0.2, 90_000.0, 0.0, 1.0).ticks();
        assert_eq!(wide.into_iter().map(told).next_back().as_deref(), Some("100,000"));
        assert!(Scale::log(0.0, 0.0, 0.0, 1.0).px(0.0).is_finite());
    }

    #[test]
    fn an_axis_is_linear_while_that_shows_points_apart() {
        assert_eq!(Scale::fitting(100.0, 1000.0, 0.0, 1.0).ticks()[0], 0.0);
        assert_eq!(Scale::fitting(10.0, 1000.0, 0.0, 1.0).ticks()[0], 10.0);
    }
}
