//! `raw.csv`: one row per run and figure, for whoever has a spreadsheet or a notebook.

use super::order;
use super::series::Series;
use super::unit;

pub(super) fn written(all: &[Series]) -> String {
    let mut text = String::from("name,run,scenario,figure,unit,value\n");
    for series in all {
        for (run, reading) in &series.runs {
            for figure in order::ordered(reading.figures.keys()) {
                let value = reading.figures[figure];
                let unit = unit::of(figure).unwrap_or_default();
                let cells = [&series.name, &run.to_string(), &reading.scenario, figure, unit];
                cells.iter().for_each(|cell| text.extend([&*quoted(cell), ","]));
                text.push_str(&format!("{value}\n"));
            }
        }
    }
    text
}

//= RFC 4180, section 2: fields with line breaks, quotes or commas are quoted, quotes doubled.
fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_need_it_are_quoted() {
        assert_eq!(quoted("fan@5"), "fan@5");
        assert_eq!(quoted("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
    }
}
