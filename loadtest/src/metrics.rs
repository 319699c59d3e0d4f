//! Two counters of the server's metrics page, for frames per write.
//!
//! Read before and after a phase, never during it: a scrape costs the server time. The page is
//! the Prometheus text format; series of one name are summed over their labels.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::target::Endpoint;

const TIMEOUT: Duration = Duration::from_secs(5);
/// A page beyond this is not a metrics page.
const PAGE_BYTES_MAX: u64 = 16 << 20;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    frames: f64,
    writes: f64,
}

impl Counters {
    pub(crate) fn read(endpoint: &Endpoint) -> Result<Self> {
        let page =
            fetch(endpoint).with_context(|| format!("reading http://{}", endpoint.address))?;
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

fn fetch(endpoint: &Endpoint) -> Result<String> {
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
    let mut total = None;
    for line in page.lines() {
        let Some(rest) = line.strip_prefix(name) else { continue };
        let value = match rest.as_bytes().first() {
            Some(b' ') => rest,
            Some(b'{') => rest.rsplit_once('}').map_or("", |(_, value)| value),
            _ => continue,
        };
        let value = value.split_ascii_whitespace().next().unwrap_or_default();
        let value: f64 = value.parse().with_context(|| format!("metric line {line:?}"))?;
        total = Some(total.unwrap_or(0.0) + value);
    }
    total.with_context(|| format!("the metrics page has no {name}"))
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
}
