//! Results folders: `FOLDER/raw/NAME-N.json` is the report of run N of what is called NAME.
//!
//! `keep` puts the report of a run there; `folder` finds reports and `reading` has one as flat
//! figures and facts, which `compare` takes it as too, with `earlier` for what was called otherwise
//! once. `loadtest summarize FOLDER` makes three files of them, each from all of `raw` and written
//! anew: `csv` every figure of every run, `markdown` the median and spread of each, `plot` a
//! picture. The same reports give the same bytes, so that a change in a derived file is a change in
//! what was measured. What is written by hand, `summary.md` above all, is left alone.

mod csv;
mod earlier;
pub(crate) mod folder;
pub(crate) mod keep;
mod markdown;
mod measure;
pub(crate) mod order;
mod plot;
pub(crate) mod reading;
#[cfg(test)]
pub(crate) mod scratch;
mod series;
mod unit;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

/// Where a results folder has its reports.
const RAW: &str = "raw";

#[derive(Args, Clone, Debug)]
pub(crate) struct SummarizeArgs {
    /// A results folder: the reports are in its `raw`
    folder: PathBuf,
}

#[derive(Serialize)]
struct Summarized {
    names: usize,
    runs: usize,
    files: [&'static str; 3],
}

/// Writes the derived files. What the reports say is no failure.
pub(crate) fn summarize(args: &SummarizeArgs, is_json: bool) -> Result<bool> {
    let summarized = write_all(&args.folder)?;
    if is_json {
        println!("{}", serde_json::to_string(&summarized).context("writing the summary")?);
    } else {
        let Summarized { names, runs, files } = summarized;
        println!("{names} names, {runs} runs: {}", files.join(", "));
    }
    Ok(true)
}

fn write_all(folder: &Path) -> Result<Summarized> {
    let all = series::read_all(&folder::raw_of(folder)?)?;
    let files = [
        ("raw.csv", csv::written(&all)),
        ("figures.md", markdown::written(&all)),
        ("plot.svg", plot::drawn(&all)),
    ];
    for (name, text) in &files {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    let runs = all.iter().map(|series| series.runs.len()).sum();
    Ok(Summarized { names: all.len(), runs, files: files.map(|(name, _)| name) })
}

#[cfg(test)]
mod tests {
    use super::scratch::Scratch;
    use super::*;

    /// A run at some thousand deliveries a second.
    fn report(thousands: u32, more: &str) -> String {
        format!(
            r#"{{"scenario":"fanout","command":"fanout --rate {thousands}","kernel":"6.1",
                "date":"2026-11-24T06:16:5{thousands}Z"{more},
                "result":{{"settings":{{"payload":128}},"faults":{{"lost":0}},"phases":[
                  {{"name":"fixed rate","deliveries_per_s":{thousands}000,
                    "server_cpu_ns_per_delivery":{thousands}50.5,
                    "usage":{{"is_generator_bound":false}},
                    "latency":{{"p50_us":{thousands}0,"p99_us":{thousands}00,
                                "p999_us":{thousands}000}}}}]}}}}"#
        )
    }

    fn derived(scratch: &Scratch) -> [String; 3] {
        write_all(scratch.path()).unwrap().files.map(|name| scratch.text(name))
    }

    #[test]
    fn the_same_reports_give_the_same_files_and_what_is_by_hand_stays() {
        let runs = [1, 2, 3].map(|thousands| report(thousands, ""));
        let scratch = Scratch::new(
            "derived",
            &[
                ("raw/fan@1-1.json", &runs[0]),
                ("raw/fan@1-2.json", &runs[1]),
                ("raw/fan@1-3.json", &runs[2]),
                ("raw/fan@2-1.json", &runs[2]),
                ("summary.md", "by hand"),
            ],
        );
        let [csv, figures, plot] = derived(&scratch);
        assert_eq!(derived(&scratch), [csv.clone(), figures.clone(), plot.clone()]);
        assert_eq!(scratch.text("summary.md"), "by hand");
        let row = "fan@1,2,fanout,phases.fixed rate.latency.p99_us,µs,200\n";
        assert!(csv.contains(row), "{csv}");
        let row = "| `phases.fixed rate.deliveries_per_s` | 1/s | 2,000 (1,000–3,000) |";
        assert!(figures.contains(row), "{figures}");
        assert!(figures.contains("- **1 run only: too few for a spread**"), "{figures}");
        assert!(figures.contains("- Command (run 2): `loadtest fanout --rate 2`"), "{figures}");
        // One curve through both names, and a bar for each.
        let curve = plot.matches("<polyline").count();
        assert_eq!(curve, 3 + 3, "a line and a legend for each quantile: {plot}");
        assert!(plot.contains(">fan, fixed rate</text>"), "{plot}");
        assert!(plot.contains(">fan@2, fixed rate</text>"), "{plot}");
    }

    #[test]
    fn what_makes_figures_count_less_is_said() {
        let clean = report(1, r#","revision":"abc","is_clean":true"#);
        let lossy = report(1, r#","revision":"abc-dirty","is_clean":false"#)
            .replace(r#""lost":0"#, r#""lost":3"#)
            .replace(r#""is_generator_bound":false"#, r#""is_generator_bound":true"#)
            .replace(r#""payload":128"#, r#""payload":256"#);
        let files = [("raw/fan-1.json", &*clean), ("raw/fan-2.json", &*lossy)];
        let [_, figures, plot] = derived(&Scratch::new("caveats", &files));
        for caveat in [
            "2 runs only: too few for a spread",
            "Run 2 was not clean: `faults.lost 3`",
            "Files of the revision had changes that were not committed",
            "Generator-bound: `phases.fixed rate` in run 2",
            "Runs differ in `revision`: `abc` (run 1), `abc-dirty` (run 2)",
            "Runs differ in `settings.payload`: `128` (run 1), `256` (run 2)",
        ] {
            assert!(figures.contains(&format!("- **{caveat}**")), "{caveat}\n{figures}");
        }
        assert!(plot.contains("fan, fixed rate †"), "{plot}");
    }

    #[test]
    fn servers_beside_another_have_their_names_in_every_file_whenever_it_was() {
        let phases = |of: u32| {
            format!(
                r#"{{"settings":{{"payload":128}},
                     "phases":[{{"name":"closed loop","deliveries_per_s":{of}}}]}}"#
            )
        };
        let told = |result: &str| {
            format!(r#"{{"scenario":"fanout","command":"fanout","result":{{{result}}}}}"#)
        };
        let (ours, theirs) = (phases(3000), phases(1000));
        let earlier = format!(r#""server":{ours},"yardstick":{theirs},"cpu_ratios":[0.9]"#);
        let minimal = "minimal writer, coalescing";
        let other = |name: &str, version: &str| {
            format!(
                r#"{{"name":"{name}","version":"{version}","report":{theirs},
                     "ratios":{{"closed loop":0.8}}}}"#
            )
        };
        let beside = [other("minimal writer", minimal), other("bun", "Bun 1.3")].join(",");
        let today = format!(r#""server":{ours},"beside":[{beside}]"#);
        let (earlier, today) = (told(&earlier), told(&today));
        let files = [("raw/fan-1.json", &*earlier), ("raw/fan-2.json", &*today)];
        let [csv, figures, plot] = derived(&Scratch::new("beside", &files));
        let ratio = "fanout,beside.minimal writer.ratios.closed loop,,";
        assert!(csv.contains(&format!("fan,1,{ratio}0.9\n")), "{csv}");
        assert!(csv.contains(&format!("fan,2,{ratio}0.8\n")), "{csv}");
        let row = "| `beside.minimal writer.ratios.closed loop` |  | 0.8500 (0.8000–0.9000) |";
        assert!(figures.contains(row), "{figures}");
        assert!(
            figures.contains("- Beside it, `bun`: none (run 1), `Bun 1.3` (run 2)"),
            "{figures}"
        );
        let sides = "`server`, `beside.minimal writer.report`";
        assert!(figures.contains(&format!("- Settings of {sides}: `payload 128`\n")), "{figures}");
        let minimal = format!("- Beside it, `minimal writer`: `{minimal}`\n");
        assert!(figures.contains(&minimal), "{figures}");
        for name in ["server", "bun", "minimal writer"] {
            assert!(plot.contains(&format!(">fan, {name} closed loop</text>")), "{plot}");
        }
    }

    #[test]
    fn hostile_names_are_text_everywhere() {
        let report = report(1, "").replace("fixed rate", "</text><script>|`");
        let name = "raw/a,\"<b>&amp;`|](x)-1.json";
        let [csv, figures, plot] = derived(&Scratch::new("hostile", &[(name, &report)]));
        assert!(csv.contains("\n\"a,\"\"<b>&amp;`|](x)\",1,fanout,"), "{csv}");
        assert!(figures.contains("\n## ``a,\"<b>&amp;`|](x)``\n"), "{figures}");
        assert!(figures.contains("| ``phases.</text><script>\\|`.deliveries"), "{figures}");
        assert!(plot.contains("a,&quot;&lt;b&gt;&amp;amp;`|](x), &lt;/t"), "{plot}");
        assert!(!plot.contains("<script") && !plot.contains("<b>"), "{plot}");
    }
}
