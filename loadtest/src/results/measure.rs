//! What a plot shows of the runs of one name: for each phase how much came through, what that cost
//! the server, and the latencies it came with.
//!
//! Found by the names of figures alone, as everything about finished runs: `deliveries_per_s` is
//! throughput of what it stands in, `server_cpu_ns_per_delivery` beside or above it is the cost,
//! and a `latency` below belongs to the nearest throughput. How clients were let in before the load
//! is left out, unless nothing else was measured.

use std::collections::BTreeMap;

use super::order;
use super::reading::Reading;
use super::series::{Series, Spread};

/// What throughput counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Delivery,
    Request,
    Event,
    Connection,
}

/// One phase in one unit, over all runs.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) unit: Unit,
    /// The phase, for people; empty when a run has but one.
    pub(super) phase: String,
    pub(super) per_s: Spread,
    pub(super) server_cpu_ns: Option<Spread>,
    /// In any run.
    pub(super) is_generator_bound: bool,
    pub(super) latencies: Vec<Latency>,
}

#[derive(Debug)]
pub(super) struct Latency {
    /// Of whom or what, where a phase has several; else empty.
    pub(super) label: String,
    /// As many as `QUANTILES`, in microseconds.
    pub(super) quantiles_us: [Spread; 3],
}

/// Which of a distribution are shown, by the name of their figure and for people.
pub(super) const QUANTILES: [(&str, &str); 3] =
    [("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9")];

/// Where clients come in before the load.
const OPENING: &str = "opening";

impl Unit {
    pub(super) const ALL: [Self; 4] =
        [Self::Delivery, Self::Request, Self::Event, Self::Connection];

    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Request => "request",
            Self::Event => "event",
            Self::Connection => "connection",
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Delivery => "deliveries",
            Self::Request => "requests",
            Self::Event => "events",
            Self::Connection => "connections",
        }
    }

    /// Of a figure's name, such as `deliveries_per_s`.
    fn counted_by(figure: &str) -> Option<Self> {
        let word = figure.strip_suffix("_per_s")?;
        let word = if word == "connects" { "connections" } else { word };
        Self::ALL.into_iter().find(|unit| unit.plural() == word)
    }

    /// Of a latency's name, such as `delivery_latency`.
    fn timed_by(latency: &str) -> Option<Self> {
        let word = latency.strip_suffix("_latency")?;
        let word = if word == "connect" { "connection" } else { word };
        Self::ALL.into_iter().find(|unit| unit.singular() == word)
    }
}

/// In the order of their phases.
pub(super) fn all_of(series: &Series) -> Vec<Measure> {
    let mut measures = BTreeMap::new();
    for figure in series.names(|run| &run.figures) {
        let (path, name) = split(figure);
        if let Some(unit) = Unit::counted_by(name)
            && let Some((per_s, _)) = series.spread(figure)
            && per_s.highest > 0.0
        {
            measures.insert((path, unit), measure(series, path, unit, per_s));
        }
    }
    for figure in series.names(|run| &run.figures) {
        if let Some(path) = figure.strip_suffix(&format!(".{}", QUANTILES[0].0)) {
            attach(series, path, &mut measures);
        }
    }
    let is_load = |path: &str| split(path).1 != OPENING;
    let has_load = measures.keys().any(|(path, _)| is_load(path));
    measures.retain(|(path, _), _| !has_load || is_load(path));
    let mut measures: Vec<_> = measures.into_iter().collect();
    measures.sort_by_cached_key(|((path, unit), _)| (order::FigurePath::of(path), *unit));
    measures.into_iter().map(|(_, measure)| measure).collect()
}

fn measure(series: &Series, path: &str, unit: Unit, per_s: Spread) -> Measure {
    let bound = below(path, &format!("usage.{}", Reading::GENERATOR_BOUND));
    Measure {
        unit,
        phase: label(series, path),
        per_s,
        server_cpu_ns: server_cpu_ns(series, path, unit),
        is_generator_bound: series.runs.values().any(|run| run.fact(&bound) == Some("true")),
        latencies: Vec::new(),
    }
}

/// Of the phase or, where a report says it once, of the run.
fn server_cpu_ns(series: &Series, path: &str, unit: Unit) -> Option<Spread> {
    let figures = [("server", "ns", 1.0), ("server", "us", 1e3), ("writer", "ns", 1.0)];
    upwards(path).find_map(|path| {
        figures.iter().find_map(|(who, time, ns)| {
            let figure = format!("{who}_cpu_{time}_per_{}", unit.singular());
            Some(series.spread(&below(path, &figure))?.0.times(*ns))
        })
    })
}

/// Gives the distribution at `path` to what it was measured with, if it is of latencies.
fn attach<'a>(series: &Series, path: &'a str, measures: &mut BTreeMap<(&'a str, Unit), Measure>) {
    let (parent, name) = split(path);
    if name != "latency" && !name.ends_with("_latency") {
        return;
    }
    let timed = Unit::timed_by(name);
    let units = || timed.into_iter().chain(Unit::ALL);
    let mut places = upwards(parent).flat_map(|path| units().map(move |unit| (path, unit)));
    let Some(place) = places.find(|place| measures.contains_key(place)) else { return };
    let quantiles = QUANTILES.map(|(quantile, _)| series.spread(&below(path, quantile)));
    let [Some((p50, _)), Some((p99, _)), Some((p999, _))] = quantiles else { return };
    let whose = parent.strip_prefix(place.0).unwrap_or_default();
    let mut label = if whose.is_empty() { String::new() } else { label(series, parent) };
    if timed.is_some_and(|timed| timed != place.1) {
        label = format!("{label} {}", name.trim_end_matches("_latency")).trim().to_owned();
    }
    if let Some(measure) = measures.get_mut(&place) {
        let label = label.strip_prefix(&measure.phase).unwrap_or(&label).trim().to_owned();
        measure.latencies.push(Latency { label, quantiles_us: [p50, p99, p999] });
    }
}

/// A path without its last name, and that name.
fn split(path: &str) -> (&str, &str) {
    // Versions and subprotocols have dots too, but no figure's name and no phase's.
    path.rsplit_once('.').unwrap_or(("", path))
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A path, what it is in, and so on to the whole report.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |&path| (!path.is_empty()).then(|| split(path).0))
}

/// A path for people: by what its places call themselves, without the lists they are in.
fn label(series: &Series, path: &str) -> String {
    let mut paths: Vec<_> = upwards(path).filter(|path| !path.is_empty()).collect();
    paths.reverse();
    let words = paths.into_iter().filter_map(|path| {
        let fact = |name: &str| {
            let fact = below(path, name);
            series.runs.values().find_map(|run| run.fact(&fact))
        };
        match split(path).1 {
            "phases" | "receivers" | "rows" | "beside" | "report" | OPENING => None,
            name => Some(fact("name").or_else(|| fact("subprotocol")).unwrap_or(name)),
        }
    });
    words.collect::<Vec<_>>().join(" ").replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(result: &str) -> Vec<Measure> {
        let report = format!(r#"{{"scenario":"x","command":"","result":{result}}}"#);
        let runs = [(1, Reading::of(&report).unwrap())].into();
        all_of(&Series { name: "x".into(), runs })
    }

    const TIMES: &str = r#"{"p50_us":1,"p99_us":2,"p999_us":3}"#;

    #[test]
    fn a_phase_has_its_throughput_cost_and_latency() {
        let all = measures(&format!(
            r#"{{"opening":{{"connections_per_s":9,"latency":{TIMES}}},
                "phases":[{{"name":"fixed rate","deliveries_per_s":5,"publishes_per_s":1,
                            "server_cpu_ns_per_delivery":400,"usage":{{"is_generator_bound":true}},
                            "latency":{TIMES},"generator_lag":{TIMES}}}]}}"#
        ));
        let [measure] = &all[..] else { panic!("{all:?}") };
        assert_eq!((measure.unit, measure.phase.as_str()), (Unit::Delivery, "fixed rate"));
        assert_eq!(measure.per_s.median, 5.0);
        assert_eq!(measure.server_cpu_ns.map(|ns| ns.median), Some(400.0));
        assert!(measure.is_generator_bound);
        let [latency] = &measure.latencies[..] else { panic!("{measure:?}") };
        assert_eq!(latency.label, "");
        assert_eq!(latency.quantiles_us.map(|us| us.median), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn clients_coming_in_count_where_nothing_else_does() {
        let all = measures(&format!(
            r#"{{"opening":{{"connections_per_s":9,"latency":{TIMES}}},
                "server_cpu_us_per_connection":20}}"#
        ));
        assert_eq!((all[0].unit, all[0].phase.as_str()), (Unit::Connection, ""));
        assert_eq!(all[0].server_cpu_ns.map(|ns| ns.median), Some(20_000.0));
        assert_eq!(all[0].latencies.len(), 1);
    }

    #[test]
    fn rows_and_servers_beside_are_called_by_their_names() {
        let phases = format!(
            r#"{{"phases":[{{"name":"closed loop","deliveries_per_s":5,"latency":{TIMES}}}]}}"#
        );
        let all = measures(&format!(
            r#"{{"server":{phases},"beside":[{{"name":"ws","version":"8.1","report":{phases}}},
                {{"name":"minimal writer","report":{phases}}}]}}"#
        ));
        let phases: Vec<_> = all.iter().map(|measure| measure.phase.as_str()).collect();
        let expected = ["server closed loop", "minimal writer closed loop", "ws closed loop"];
        assert_eq!(phases, expected);
        assert!(all.iter().all(|measure| measure.latencies.len() == 1), "{all:?}");

        let row = |frames: u32| {
            format!(
                r#"{{"asked_frames_per_write":{frames},"deliveries_per_s":5,
                     "writer_cpu_ns_per_delivery":{frames}}}"#
            )
        };
        let all = measures(&format!(r#"{{"rows":[{},{}]}}"#, row(32), row(8)));
        let told = |at: &Measure| (at.phase.clone(), at.server_cpu_ns.map(|ns| ns.median));
        let expected = [("epoll 8".into(), Some(8.0)), ("epoll 32".into(), Some(32.0))];
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_latency_goes_with_what_it_is_of() {
        let all = measures(&format!(
            r#"{{"phases":[{{"name":"a","requests_per_s":1,"deliveries_per_s":2,
                             "request_latency":{TIMES},"delivery_latency":{TIMES}}},
                           {{"name":"b","deliveries_per_s":2,"request_latency":{TIMES},
                             "receivers":[{{"subprotocol":"json","latency":{TIMES}}}]}}]}}"#
        ));
        let told = |measure: &Measure| {
            let labels: Vec<_> = measure.latencies.iter().map(|at| at.label.clone()).collect();
            (measure.phase.clone(), measure.unit, labels)
        };
        let expected = [
            ("a", Unit::Delivery, vec![""]),
            ("a", Unit::Request, vec![""]),
            ("b", Unit::Delivery, vec!["json", "request"]),
        ];
        let told: Vec<_> = all.iter().map(told).collect();
        for ((phase, unit, labels), expected) in told.iter().zip(expected) {
            let mut labels: Vec<_> = labels.iter().map(String::as_str).collect();
            labels.sort_unstable();
            assert_eq!((phase.as_str(), *unit, labels), expected);
        }
    }
}
