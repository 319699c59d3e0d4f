//! Latency against throughput: a point for each phase, a curve for each family of names.

use super::scale::{Scale, told};
use super::svg::{At, Svg};
use super::{Entry, shortened};
use crate::results::measure::{QUANTILES, Unit};
use crate::results::series::Spread;

const LEFT: f64 = 90.0;
const RIGHT: f64 = 690.0;
const LEGEND_X: f64 = RIGHT + 24.0;
const LEGEND_ROW: f64 = 18.0;
/// What fits between the swatch and the edge in wide letters.
const LEGEND_CHARS: usize = 30;
const HEIGHT: f64 = 320.0;

/// Told apart with all common kinds of colour vision; from the ninth curve on they come again.
const COLORS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#333333", "#56b4e9", "#7a3b8f"];

/// Of p50, p99 and p99.9.
const DASHES: [&str; 3] = ["", "6 3", "2 3"];

struct Curve {
    label: String,
    /// By throughput.
    points: Vec<(Spread, [Spread; 3])>,
}

/// Draws the panel from `top` on; where it ends, which is `top` when there is nothing to show.
pub(super) fn draw(svg: &mut Svg, top: f64, entries: &[Entry<'_>], unit: Unit) -> f64 {
    let curves = curves_of(entries, unit);
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let Some(x) = Spread::of(&points().map(|(per_s, _)| per_s.median).collect::<Vec<_>>()) else {
        return top;
    };
    let ends = points().flat_map(|(_, us)| us).flat_map(|us| [us.lowest, us.highest]);
    let Some(y) = Spread::of(&ends.collect::<Vec<_>>()) else { return top };
    let (above, below) = (top + 44.0, top + 44.0 + HEIGHT);
    let title = format!("Latency against {} per second", unit.plural());
    svg.text("title", At { x: 16.0, y: top + 22.0, anchor: "start" }, &title);
    let xs = Scale::fitting(x.lowest, x.highest, LEFT, RIGHT);
    let ys = Scale::log(y.lowest, y.highest, below, above);
    axes(svg, &xs, &ys, (above, below), unit);
    for (curve, color) in curves.iter().zip(COLORS.iter().cycle()) {
        for (place, dashes) in DASHES.iter().enumerate() {
            quantile(svg, curve, (color, dashes, place), (&xs, &ys));
        }
    }
    let end = legend(svg, above, &curves);
    (below + 48.0).max(end)
}

fn curves_of(entries: &[Entry<'_>], unit: Unit) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for Entry { series, measure } in entries.iter().filter(|entry| entry.measure.unit == unit) {
        for latency in &measure.latencies {
            let words = [series.family(), &measure.phase, &latency.label];
            let label = words.into_iter().filter(|word| !word.is_empty());
            let label = label.collect::<Vec<_>>().join(", ");
            let point = (measure.per_s, latency.quantiles_us);
            match curves.iter_mut().find(|curve| curve.label == label) {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve { label, points: vec![point] }),
            }
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|(a, _), (b, _)| a.median.total_cmp(&b.median));
    }
    curves
}

fn axes(svg: &mut Svg, xs: &Scale, ys: &Scale, (above, below): (f64, f64), unit: Unit) {
    for tick in xs.ticks() {
        let x = xs.px(tick);
        svg.line("grid", (x, above), (x, below));
        svg.text("small", At { x, y: below + 16.0, anchor: "middle" }, &told(tick));
    }
    for tick in ys.ticks() {
        let y = ys.px(tick);
        svg.line("grid", (LEFT, y), (RIGHT, y));
        svg.text("small", At { x: LEFT - 6.0, y: y + 4.0, anchor: "end" }, &told(tick));
    }
    svg.line("axis", (LEFT, below), (RIGHT, below));
    svg.line("axis", (LEFT, above), (LEFT, below));
    let middle = At { x: f64::midpoint(LEFT, RIGHT), y: below + 36.0, anchor: "middle" };
    svg.text("", middle, &format!("{} per second", unit.plural()));
    let middle = At { x: 22.0, y: f64::midpoint(above, below), anchor: "middle" };
    svg.upward_text(middle, "latency, µs");
}

/// One quantile of a curve: its line, its points, and how far runs of a point differ.
fn quantile(
    svg: &mut Svg,
    curve: &Curve,
    (color, dashes, place): (&str, &str, usize),
    (xs, ys): (&Scale, &Scale),
) {
    let at = |(per_s, us): &(Spread, [Spread; 3])| (xs.px(per_s.median), ys.px(us[place].median));
    let places: Vec<_> = curve.points.iter().map(at).collect();
    if places.len() > 1 {
        svg.path(color, dashes, &places);
    }
    for ((_, us), at) in curve.points.iter().zip(places) {
        let Spread { lowest, highest, .. } = us[place];
        svg.whisker(color, at.0, (ys.px(lowest), ys.px(highest)));
        marker(svg, color, place, at);
    }
}

/// A disc, a square, a triangle; the latter hollow, so that the lines below them show.
fn marker(svg: &mut Svg, color: &str, place: usize, (x, y): (f64, f64)) {
    let r = 4.0;
    match place {
        0 => svg.circle(color, (x, y), 3.5),
        1 => {
            let corners = [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)];
            svg.shape(color, "#fff", &corners);
        }
        _ => {
            let corners = [(x, y - r - 1.0), (x + r + 1.0, y + r), (x - r - 1.0, y + r)];
            svg.shape(color, "#fff", &corners);
        }
    }
}

/// Beside the points: what the lines are and what the colours are. Where it ends.
fn legend(svg: &mut Svg, top: f64, curves: &[Curve]) -> f64 {
    let mut y = top + 6.0;
    let text = |y: f64| At { x: LEGEND_X + 36.0, y: y + 4.0, anchor: "start" };
    for ((place, dashes), (_, name)) in DASHES.iter().enumerate().zip(QUANTILES) {
        svg.path("#444", dashes, &[(LEGEND_X, y), (LEGEND_X + 28.0, y)]);
        marker(svg, "#444", place, (LEGEND_X + 14.0, y));
        svg.text("small", text(y), name);
        y += LEGEND_ROW;
    }
    y += LEGEND_ROW / 2.0;
    for (curve, color) in curves.iter().zip(COLORS.iter().cycle()) {
        let (left, right) = (LEGEND_X + 16.0, LEGEND_X + 28.0);
        svg.shape(
            color,
            color,
            &[(left, y - 5.0), (right, y - 5.0), (right, y + 5.0), (left, y + 5.0)],
        );
        svg.text("small", text(y), &shortened(&curve.label, LEGEND_CHARS));
        y += LEGEND_ROW;
    }
    y
}
