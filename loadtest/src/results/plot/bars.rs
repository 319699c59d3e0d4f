//! Throughput and what it cost the server, a row for each phase of each name.

use super::scale::{Scale, told};
use super::svg::{At, Svg};
use super::{Entry, shortened};
use crate::compare::shown;
use crate::results::measure::Unit;
use crate::results::series::Spread;

const ROW: f64 = 20.0;
const BAR: f64 = 12.0;
const LABEL_CHARS: usize = 40;
/// Behind the longest bar its value has to have room.
const RATES: (f64, f64) = (290.0, 520.0);
const COSTS: (f64, f64) = (640.0, 860.0);

/// Below this a cost is told in nanoseconds.
const NS_MAX: f64 = 10_000.0;

/// One of the two halves of the panel.
struct Half {
    title: String,
    color: &'static str,
    span: (f64, f64),
    /// By row; a server whose process is not known has no cost.
    bars: Vec<Option<Spread>>,
}

/// Draws the panel from `top` on; where it ends, which is `top` when there is nothing to show.
pub(super) fn draw(svg: &mut Svg, top: f64, entries: &[Entry<'_>], unit: Unit) -> f64 {
    let rows: Vec<_> = entries.iter().filter(|entry| entry.measure.unit == unit).collect();
    if rows.is_empty() {
        return top;
    }
    let title = format!("{} per second and server CPU of each", capitalized(unit.plural()));
    svg.text("title", At { x: 16.0, y: top + 22.0, anchor: "start" }, &title);
    let first = top + 62.0;
    let mut has_bound = false;
    for (place, Entry { series, measure }) in rows.iter().enumerate() {
        let words = [series.name.as_str(), &measure.phase];
        let label = words.into_iter().filter(|word| !word.is_empty());
        let mut label = shortened(&label.collect::<Vec<_>>().join(", "), LABEL_CHARS);
        if measure.is_generator_bound {
            label.push_str(" †");
            has_bound = true;
        }
        let y = row_y(first, place);
        svg.text("small", At { x: RATES.0 - 8.0, y: y + 4.0, anchor: "end" }, &label);
    }
    let end = row_y(first, rows.len()) - ROW / 2.0;
    let rates = rows.iter().map(|entry| Some(entry.measure.per_s)).collect();
    let costs: Vec<_> = rows.iter().map(|entry| entry.measure.server_cpu_ns).collect();
    let most = costs.iter().flatten().map(|cost| cost.highest).fold(0.0, f64::max);
    let (time, ns) = if most < NS_MAX { ("ns", 1.0) } else { ("µs", 1e3) };
    let costs = costs.into_iter().map(|cost| Some(cost?.times(1.0 / ns))).collect();
    let halves = [
        Half {
            title: format!("{} per second", unit.plural()),
            color: "#0072b2",
            span: RATES,
            bars: rates,
        },
        Half {
            title: format!("server CPU per {}, {time}", unit.singular()),
            color: "#d55e00",
            span: COSTS,
            bars: costs,
        },
    ];
    halves.iter().for_each(|half| half.draw(svg, first, end));
    if !has_bound {
        return end + 36.0;
    }
    let at = At { x: 16.0, y: end + 40.0, anchor: "start" };
    svg.text("small dim", at, "† the generator was the limit in at least one run: a lower bound");
    end + 56.0
}

fn row_y(first: f64, place: usize) -> f64 {
    first + ROW / 2.0 + ROW * place as f64
}

impl Half {
    fn draw(&self, svg: &mut Svg, first: f64, end: f64) {
        let (left, right) = self.span;
        let most = self.bars.iter().flatten().map(|bar| bar.highest).fold(0.0, f64::max);
        if most <= 0.0 {
            return;
        }
        svg.text("", At { x: left, y: first - 10.0, anchor: "start" }, &self.title);
        let scale = Scale::linear(most, left, right);
        // Every value is told beside its bar: of the ticks the ends are enough.
        for tick in scale.ticks() {
            svg.line("grid", (scale.px(tick), first), (scale.px(tick), end));
        }
        for tick in [scale.ticks().first(), scale.ticks().last()].into_iter().flatten() {
            let at = At { x: scale.px(*tick), y: end + 15.0, anchor: "middle" };
            svg.text("small dim", at, &told(*tick));
        }
        svg.line("axis", (left, first), (left, end));
        for (place, bar) in self.bars.iter().enumerate() {
            if let Some(bar) = bar {
                self.bar(svg, &scale, row_y(first, place), bar);
            }
        }
    }

    fn bar(&self, svg: &mut Svg, scale: &Scale, y: f64, bar: &Spread) {
        let (x, half) = (scale.px(bar.median), BAR / 2.0);
        let left = self.span.0;
        let corners = [(left, y - half), (x, y - half), (x, y + half), (left, y + half)];
        svg.shape(self.color, self.color, &corners);
        let (low, high) = (scale.px(bar.lowest), scale.px(bar.highest));
        if bar.has_width() {
            svg.line("whisker", (low, y), (high, y));
            [low, high].iter().for_each(|&x| svg.line("whisker", (x, y - 4.0), (x, y + 4.0)));
        }
        svg.text("small", At { x: high + 6.0, y: y + 4.0, anchor: "start" }, &shown(bar.median));
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}
