//! What a figure counts or measures, told from the end of its name: units come last in names.

/// `None` for counts, shares and ratios, and for what is not known.
pub(super) fn of(figure: &str) -> Option<&'static str> {
    let name = figure.rsplit('.').next().unwrap_or(figure);
    // What stands before `per` is what is measured: `server_cpu_ns_per_delivery`.
    if name.ends_with("_per_s") {
        return Some("1/s");
    }
    let measured = name.split("_per_").next().unwrap_or(name);
    match measured.rsplit('_').next().unwrap_or(measured) {
        "ns" => Some("ns"),
        "us" => Some("µs"),
        "ms" => Some("ms"),
        "s" | "seconds" => Some("s"),
        "bytes" => Some("B"),
        "rate" => Some("1/s"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn units_are_the_last_word_of_what_is_measured() {
        for (figure, unit) in [
            ("phases.fixed rate.deliveries_per_s", Some("1/s")),
            ("phases.fixed rate.latency.p999_us", Some("µs")),
            ("phases.closed loop.server_cpu_ns_per_delivery", Some("ns")),
            ("rss_bytes_per_connection", Some("B")),
            ("storm.all_back_s", Some("s")),
            ("phase.usage.seconds", Some("s")),
            ("fixed_rate", Some("1/s")),
            ("phase.frames_per_write", None),
            ("usage.server_cpu_share", None),
            ("faults.lost", None),
            ("beside.bun.ratios.fixed rate", None),
        ] {
            assert_eq!(of(figure), unit, "{figure}");
        }
    }
}
