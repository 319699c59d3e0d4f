//! What a JSON report says, flat: figures and facts by their path.
//!
//! A figure is a number of the result; everything else is a fact: settings, cores, kernel, who
//! speaks what, whether the generator was the limit. The date is neither: it always differs. No
//! scenario is known here, so that a report can be compared whatever it has. Elements of lists go by
//! their name, such as phases, or else by their place.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::earlier;

#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) scenario: String,
    pub(crate) command: String,
    /// Reports did not always have it.
    pub(crate) date: Option<String>,
    pub(crate) figures: BTreeMap<String, f64>,
    pub(crate) facts: BTreeMap<String, String>,
}

/// As `report::Report` writes it.
#[derive(Deserialize)]
struct Written {
    scenario: String,
    command: String,
    date: Option<String>,
    result: Value,
    #[serde(flatten)]
    place: Map<String, Value>,
}

impl Reading {
    pub(crate) fn of(text: &str) -> Result<Self> {
        let written: Written =
            serde_json::from_str(text).context("this is no report that --json has printed")?;
        let Written { scenario, command, date, mut result, place } = written;
        earlier::bring_up_to_date(&mut result);
        let (figures, facts) = (BTreeMap::new(), BTreeMap::new());
        let mut reading = Self { scenario, command, date, figures, facts };
        reading.take("", &result, false);
        reading.take("", &Value::Object(place), true);
        Ok(reading)
    }

    /// How the fact ends that says whether the generator was the limit of a phase.
    pub(crate) const GENERATOR_BOUND: &str = "is_generator_bound";

    pub(crate) fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }

    /// As the report says or, in one made before reports did, when nothing in it is amiss.
    pub(crate) fn is_clean(&self) -> bool {
        match self.fact("is_clean") {
            Some(verdict) => verdict == "true",
            None => self.faults().next().is_none(),
        }
    }

    /// What was counted as wrong.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (&str, f64)> {
        let faults = self.figures.iter().map(|(name, &count)| (name.as_str(), count));
        faults.filter(|&(name, count)| {
            count > 0.0 && name.split('.').any(|part| matches!(part, "faults" | "http_faults"))
        })
    }

    fn take(&mut self, path: &str, value: &Value, is_fact: bool) {
        match value {
            Value::Null => {}
            Value::Number(number) if !is_fact => {
                self.figures.extend(number.as_f64().map(|figure| (path.to_owned(), figure)));
            }
            Value::Number(_) | Value::Bool(_) => {
                self.facts.insert(path.to_owned(), value.to_string());
            }
            Value::String(text) => {
                self.facts.insert(path.to_owned(), text.clone());
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.take(&below(path, name), member, is_fact || name == "settings");
                }
            }
            // Short, and one fact rather than many: cores, notes.
            Value::Array(list) if !list.iter().any(|element| element.is_object()) && is_fact => {
                self.facts.insert(path.to_owned(), value.to_string());
            }
            Value::Array(list) => {
                for (place, element) in list.iter().enumerate() {
                    let name = element["name"].as_str();
                    let name = name.map_or_else(|| place.to_string(), str::to_owned);
                    self.take(&below(path, &name), element, is_fact);
                }
            }
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_result_are_figures_and_all_else_is_facts() {
        let reading = Reading::of(
            r#"{"scenario":"groups","command":"groups --window 8","kernel":"6","date":"2026",
                "machine":{"cores":2},"is_clean":true,"server_cores":[0,1],
                "result":{"settings":{"window":8,"rate":null},"fixed_rate":2.5,
                "phases":[{"name":"closed loop","latency":null,
                           "usage":{"seconds":2,"is_generator_bound":false}}],
                "beside":[{"name":"bun","ratios":{"closed loop":1.5}}],"notes":["slow"]}}"#,
        )
        .unwrap();
        let figures: Vec<_> =
            reading.figures.iter().map(|(name, &at)| (name.as_str(), at)).collect();
        let expected = [
            ("beside.bun.ratios.closed loop", 1.5),
            ("fixed_rate", 2.5),
            ("phases.closed loop.usage.seconds", 2.0),
        ];
        assert_eq!(figures, expected);
        let fact = |name: &str| reading.facts.get(name).map(String::as_str);
        assert_eq!(fact("settings.window"), Some("8"));
        assert_eq!(fact("server_cores"), Some("[0,1]"));
        assert_eq!(fact("phases.closed loop.usage.is_generator_bound"), Some("false"));
        assert_eq!((fact("notes.0"), fact("kernel")), (Some("slow"), Some("6")));
        assert_eq!((fact("machine.cores"), fact("is_clean")), (Some("2"), Some("true")));
        assert_eq!([fact("settings.rate"), fact("command"), fact("date")], [None; 3]);
        assert_eq!(reading.date.as_deref(), Some("2026"));
        assert_eq!((&*reading.scenario, &*reading.command), ("groups", "groups --window 8"));
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for text in ["", "{}", "[1]", r#"{"scenario":"rest"}"#, r#"{"scenario":1,"result":{}}"#] {
            assert!(Reading::of(text).is_err(), "{text}");
        }
    }
}
