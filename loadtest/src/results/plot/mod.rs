//! `plot.svg`: latency against throughput, and below it throughput and its cost as bars.
//!
//! Deliveries, requests, events and connections have panels of their own: their rates are not to
//! be compared. A point or bar is the median of the runs, a whisker goes from the lowest to the
//! highest.

mod bars;
mod curves;
mod scale;
mod svg;

use self::svg::{At, Svg};
use super::measure::{self, Measure, Unit};
use super::series::Series;

const WIDTH: f64 = 960.0;

/// A phase of a name.
struct Entry<'a> {
    series: &'a Series,
    measure: Measure,
}

pub(super) fn drawn(all: &[Series]) -> String {
    let entry =
        |series| measure::all_of(series).into_iter().map(move |measure| Entry { series, measure });
    let entries: Vec<_> = all.iter().flat_map(entry).collect();
    let mut svg = Svg::new(WIDTH);
    let mut end = 0.0;
    for unit in Unit::ALL {
        end = curves::draw(&mut svg, end, &entries, unit);
    }
    for unit in Unit::ALL {
        end = bars::draw(&mut svg, end, &entries, unit);
    }
    let (y, anchor) = (end + 18.0, "start");
    let told = if entries.is_empty() {
        "No throughput in these reports."
    } else {
        "Medians of the runs; whiskers from the lowest to the highest."
    };
    svg.text("small dim", At { x: 16.0, y, anchor }, told);
    svg.finish(end + 32.0)
}

/// So that it has its place; what is left out is in the middle, since names begin and end apart.
fn shortened(text: &str, chars_max: usize) -> String {
    let chars: Vec<_> = text.chars().collect();
    if chars.len() <= chars_max {
        return text.to_owned();
    }
    let (head, tail) = (chars_max / 2, chars_max - chars_max / 2 - 1);
    let start: String = chars[..head].iter().collect();
    let end: String = chars[chars.len() - tail..].iter().collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shortened("fan", 5), "fan");
        assert_eq!(shortened("abcdefgh", 5), "ab…gh");
    }
}
