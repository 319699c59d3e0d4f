//! The order in which names and figures are listed: the one a person gives them.

use std::collections::BTreeMap;

/// Sorts numbers in a name by their value: `fan@5000` before `fan@10000`. The name itself comes
/// last, so that no two are one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Natural(Vec<(String, u64)>, String);

/// Sorts the path of a figure or fact by what it is made of. Quantiles go from the median to the
/// maximum, and servers that were put beside another come after it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FigurePath(Vec<(bool, Natural)>);

impl Natural {
    pub(super) fn of(name: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = name;
        while !rest.is_empty() {
            let digits = rest.find(|at: char| at.is_ascii_digit()).unwrap_or(rest.len());
            let (text, behind) = rest.split_at(digits);
            let end = behind.find(|at: char| !at.is_ascii_digit()).unwrap_or(behind.len());
            let (number, behind) = behind.split_at(end);
            parts.push((text.to_owned(), number.parse().unwrap_or(u64::MAX)));
            rest = behind;
        }
        Self(parts, name.to_owned())
    }
}

impl FigurePath {
    pub(super) fn of(path: &str) -> Self {
        let part = |part: &str| match part {
            // Behind p50, p99 and p999.
            "max_us" => (false, Natural(vec![("p".to_owned(), u64::MAX)], part.to_owned())),
            _ => (part == "beside", Natural::of(part)),
        };
        Self(path.split('.').map(part).collect())
    }
}

/// Each of these paths once.
pub(crate) fn ordered<'a>(paths: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let ordered: BTreeMap<_, _> = paths.map(|path| (FigurePath::of(path), path.as_str())).collect();
    ordered.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_as_a_person_lists_them() {
        let expected = [
            "rows.epoll 8.writes",
            "rows.epoll 32.writes",
            "server.latency.count",
            "server.latency.p50_us",
            "server.latency.p99_us",
            "server.latency.p999_us",
            "server.latency.max_us",
            "server.usage",
            "beside.bun.ratios.closed loop",
        ];
        let mut shuffled = expected.map(str::to_owned);
        shuffled.sort_unstable();
        assert_ne!(shuffled, expected);
        assert_eq!(ordered(shuffled.iter().chain(&shuffled)), expected);
    }
}
