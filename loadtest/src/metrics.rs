//! What a run takes from the server's metrics page: frames per write, and what became of events
//! for event listeners (operations.md 2.5), of which no client hears.
//!
//! Read before and after a phase, never during it: a scrape costs the server time. The page is
//! the Prometheus text format; series of one name are summed over their labels, or over those of
//! one kind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::target::Endpoint;

const TIMEOUT: Duration = Duration::from_secs(5);
/// A page beyond this is not a metrics page.
const PAGE_BYTES_MAX: u64 = 16 << 20;

const LISTENER_EVENTS: &str = "corecast_listener_events_total";
const LISTENER_QUEUES: &str = "corecast_listener_queue_messages";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    frames: f64,
    writes: f64,
}

impl Counters {
    pub(crate) fn read(endpoint: &Endpoint) -> Result<Self> {
        let page = fetch(endpoint)?;
        Ok(Self {
            frames: sum(&page, "corecast_frames_written_total")?,
            writes: sum(&page, "corecast_writes_total")?,
        })
    }

    pub(crate) fn frames_per_write_since(self, earlier: Self) -> Option<f64> {
        let writes = self.writes - earlier.writes;
        (writes > 0.0).then(|| (self.frames - earlier.frames) / writes)
    }
}

/// Events of all event listeners together, in all hubs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListenerCounters {
    pub(crate) delivered: u64,
    /// For whatever reason.
    pub(crate) dropped: u64,
    /// Those that wait or are under way, in memory or spooled.
    pub(crate) queued: u64,
}

impl ListenerCounters {
    pub(crate) fn read(endpoint: &Endpoint) -> Result<Self> {
        Self::of(&fetch(endpoint)?)
    }

    fn of(page: &str) -> Result<Self> {
        // What has not happened yet has no series, and a server without listeners has none at all.
        let events = |label| Ok::<_, anyhow::Error>(count(sum_of(page, LISTENER_EVENTS, label)?));
        Ok(Self {
            delivered: events("result=\"delivered\"")?,
            dropped: events("result=\"dropped_")?,
            queued: count(sum_of(page, LISTENER_QUEUES, "")?),
        })
    }
}

fn fetch(endpoint: &Endpoint) -> Result<String> {
    fetch_page(endpoint).with_context(|| format!("reading http://{}", endpoint.address))
}

fn fetch_page(endpoint: &Endpoint) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&endpoint.address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let (path, authority) = (&endpoint.path, endpoint.address);
    // HTTP/1.0, so that the answer is neither chunked nor kept open.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(PAGE_BYTES_MAX).read_to_string(&mut answer)?;
    let status = answer.lines().next().unwrap_or_default();
    ensure!(status.split_ascii_whitespace().nth(1) == Some("200"), "answered {status:?}");
    Ok(answer)
}

fn sum(page: &str, name: &str) -> Result<f64> {
    sum_of(page, name, "")?.with_context(|| format!("the metrics page has no {name}"))
}

/// The series of one name in whose labels `label` stands; `None` if there are none.
fn sum_of(page: &str, name: &str, label: &str) -> Result<Option<f64>> {
    let mut total = None;
    for line in page.lines() {
        let Some(rest) = line.strip_prefix(name) else { continue };
        let (labels, value) = match rest.as_bytes().first() {
            Some(b' ') => ("", rest),
            Some(b'{') => rest.rsplit_once('}').unwrap_or((rest, "")),
            _ => continue,
        };
        if !labels.contains(label) {
            continue;
        }
        let value = value.split_ascii_whitespace().next().unwrap_or_default();
        let value: f64 = value.parse().with_context(|| format!("metric line {line:?}"))?;
        total = Some(total.unwrap_or(0.0) + value);
    }
    Ok(total)
}

/// A sum of counts, none being zero.
#[expect(clippy::cast_possible_truncation, reason = "casts saturate, and a run has fewer events")]
fn count(sum: Option<f64>) -> u64 {
    sum.unwrap_or(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_over_labels_and_other_names_left_out() {
        let page =
            "# TYPE a counter\na_total{shard=\"0\"} 3\na_total{shard=\"1\"} 4 123\na_total_x 9\n";
        assert_eq!(sum(page, "a_total").unwrap(), 7.0);
        assert_eq!(sum("a_total 5\n", "a_total").unwrap(), 5.0);
        assert!(sum(page, "b_total").is_err());
    }

    #[test]
    fn listeners_are_summed_by_what_became_of_their_events() {
        let page = "# TYPE corecast_listener_events counter\n\
             corecast_listener_events_total{listener=\"delivered\",result=\"delivered\"} 5\n\
             corecast_listener_events_total{listener=\"b\",result=\"delivered\"} 6\n\
             corecast_listener_events_total{listener=\"b\",result=\"dropped_full\"} 2\n\
             corecast_listener_events_total{listener=\"b\",result=\"dropped_age\"} 1\n\
             corecast_listener_queue_messages{listener=\"delivered\"} 0\n\
             corecast_listener_queue_messages{listener=\"b\"} 7\n";
        let expected = ListenerCounters { delivered: 11, dropped: 3, queued: 7 };
        assert_eq!(ListenerCounters::of(page).unwrap(), expected);
        assert_eq!(ListenerCounters::of("a_total 5\n").unwrap(), ListenerCounters::default());
    }
}
