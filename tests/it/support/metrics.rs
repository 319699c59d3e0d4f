//! The administrative listener's counters, read as Prometheus text (operations.md, section 2.5).

use super::server::Endpoint;
use super::wire::Wire;

/// All samples of one scrape.
pub(crate) struct Metrics(Vec<Sample>);

struct Sample {
    name: String,
    labels: String,
    value: f64,
}

impl Metrics {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let mut wire = Wire::connect(endpoint.admin);
        wire.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let response = wire.response(true);
        assert_eq!(response.status, 200);
        Self(response.body.lines().filter_map(Sample::parse).collect())
    }

    /// The sum of all samples of this name that carry all of these labels; none counts as zero.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<_> =
            labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        self.0
            .iter()
            .filter(|sample| sample.name == name)
            .filter(|sample| wanted.iter().all(|label| sample.labels.contains(label)))
            .map(|sample| sample.value)
            .sum()
    }

    /// All label sets in use, for looking for what must not be there.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|sample| &*sample.labels)
    }
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') || line.is_empty() {
            return None;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("sample {line:?}"));
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        Some(Self {
            name: name.to_owned(),
            labels: labels.to_owned(),
            value: value.parse().unwrap_or_else(|_| panic!("sample {line:?}")),
        })
    }
}
