//! The source itself: the layer table holds, documents link to what exists, every setting is in
//! the README, and the conformance points that are claimed can be found.
#![allow(clippy::disallowed_methods, reason = "reads files; no shard is near")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a module may name of the others, as the table in `src/lib.rs` says. Names after `::` are
/// single exceptions.
const LAYERS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("frame", &["protocol"]),
    ("hub", &["frame", "protocol::subprotocol::validate_group_name"]),
    ("event", &["hub", "protocol::subprotocol"]),
    ("spool", &[]),
    ("auth", &["hub", "protocol::subprotocol::validate_group_name"]),
    ("config", &["auth", "event", "hub", "protocol::subprotocol::validate_group_name"]),
    (
        "shard",
        &[
            "auth::ReconnectionTokens",
            "frame",
            "hub",
            "event",
            "protocol",
            "config::HubSettings",
            "sys::HandedSocket",
        ],
    ),
    ("metrics", &["api::Category", "event", "hub", "shard"]),
    ("listener", &["auth", "config", "event::call", "hub", "protocol", "shard::connection"]),
    ("api", &["auth", "frame", "hub", "protocol", "shard::clock", "shard::command"]),
    (
        "upstream",
        &[
            "auth",
            "config",
            "event",
            "hub",
            "metrics::listeners",
            "metrics::upstream",
            "protocol",
            "shard::clock",
            "spool",
        ],
    ),
    (
        "connection",
        &[
            "api",
            "auth",
            "config",
            "event",
            "frame",
            "hub",
            "listener",
            "metrics",
            "protocol",
            "shard",
            "sys::HandedSocket",
        ],
    ),
    ("reactor", &["auth", "config", "connection", "event", "hub", "metrics", "shard"]),
    (
        "server",
        &[
            "auth",
            "config",
            "connection",
            "hub",
            "listener",
            "metrics",
            "reactor",
            "shard",
            "sys",
            "upstream",
        ],
    ),
];

/// Crates that only the named module may use.
const OWN_CRATES: &[(&str, &[&str])] = &[
    ("glommio", &["reactor"]),
    ("crossbeam_channel", &["reactor"]),
    ("tokio", &["server", "upstream", "reactor"]),
    ("hyper", &["server", "upstream"]),
    ("hyper_util", &["server", "upstream"]),
    ("rustls", &["upstream"]),
    ("cookie_store", &["upstream"]),
    ("fe2o3_amqp", &["upstream"]),
    ("fe2o3_amqp_types", &["upstream"]),
    ("postcard", &["upstream"]),
    ("crc32fast", &["spool"]),
    ("clap", &["config"]),
    ("jsonwebtoken", &["auth"]),
    ("reqwest", &["server"]),
    ("url", &["config", "event", "upstream"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with(".venv") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

/// The top-level module a source file belongs to.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("in src");
    let first = inside.components().next().expect("a file").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// A file without its tests: they may use anything.
fn production_code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("readable");
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn is_test_file(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("tests.rs") || name.contains("/tests/")
}

fn production_files() -> Vec<PathBuf> {
    files(&root().join("src"), "rs").into_iter().filter(|path| !is_test_file(path)).collect()
}

#[test]
fn modules_use_only_the_layers_below_them() {
    let mut wrong = Vec::new();
    for path in production_files() {
        let module = module_of(&path);
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else { continue };
        for line in production_code(&path).lines() {
            let code = line.split("//").next().unwrap_or_default();
            for (at, _) in code.match_indices("crate::") {
                let used = &code[at + "crate::".len()..];
                let is_own = used.starts_with(&format!("{module}::"))
                    || used.starts_with(&format!("{module})"));
                let is_allowed = allowed.iter().any(|name| {
                    used.strip_prefix(name).is_some_and(|rest| {
                        !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
                    })
                });
                if !is_own && !is_allowed {
                    wrong.push(format!("{}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the layer table:\n{}", wrong.join("\n"));
}

#[test]
fn the_runtime_and_the_cold_libraries_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for path in production_files() {
        let (module, code) = (module_of(&path), production_code(&path));
        for (library, owners) in OWN_CRATES {
            let is_used = code.lines().any(|line| {
                let line = line.trim_start();
                !line.starts_with("//")
                    && (line.contains(&format!("{library}::"))
                        || line.starts_with(&format!("use {library}")))
            });
            if is_used && !owners.contains(&module.as_str()) && module != "main" {
                wrong.push(format!("{} uses {library}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_source_file_begins_with_what_it_is() {
    let without_head =
        |path: &PathBuf| !fs::read_to_string(path).expect("readable").starts_with("//!");
    let found: Vec<_> = ["src", "tests", "benches", "loadtest/src"]
        .iter()
        .flat_map(|directory| files(&root().join(directory), "rs"))
        .filter(without_head)
        .collect();
    assert!(found.is_empty(), "no //! head: {found:?}");
}

#[test]
fn the_readme_has_the_table_of_settings_as_the_code_has_it() {
    let readme = fs::read_to_string(root().join("README.md")).expect("readable");
    let table = corecast::config::table::markdown();
    assert!(readme.contains(&table), "README.md should contain:\n{table}");
}

#[test]
fn relative_links_in_the_documents_lead_somewhere() {
    let mut dead = Vec::new();
    let own = ["README.md", "tuning.md", "loadtest/README.md"].map(|name| root().join(name));
    let results = files(&root().join("loadtest/results"), "md");
    for path in own.into_iter().chain(results) {
        let document = path.strip_prefix(root()).expect("below the root").display();
        let text = fs::read_to_string(&path).expect("readable");
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            let is_relative = !file.is_empty() && !file.contains("://");
            if is_relative && !path.with_file_name(file).exists() {
                dead.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// The points that the specifications put on what is built so far.
#[test]
fn conformance_points_that_are_built_are_named_in_tests() {
    let mut named = BTreeSet::new();
    let mut sources = files(&root().join("tests"), "rs");
    sources.extend(files(&root().join("tests"), "js"));
    sources.extend(files(&root().join("tests"), "py"));
    sources.extend(files(&root().join("src"), "rs"));
    for path in sources {
        let text = fs::read_to_string(&path).expect("readable");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        named.extend(words.filter(|word| is_point(word)).map(str::to_owned));
        // Ranges such as C1–C4 or J1-J3 name every point in them.
        for (prefix, first, last) in ranges(&text) {
            named.extend((first..=last).map(|number| format!("{prefix}{number}")));
        }
    }
    let built = [
        ("C", vec![1..=52]),
        ("J", vec![1..=71]),
        ("P", vec![1..=28]),
        ("E", vec![1..=58, 62..=62, 64..=68]),
        ("L", vec![1..=38, 40..=42]),
        ("R", vec![1..=11, 13..=22]),
        ("A", vec![1..=51, 53..=75]),
        ("O", vec![4..=4, 13..=16, 18..=22, 33..=33, 35..=36]),
    ];
    let missing: Vec<String> = built
        .into_iter()
        .flat_map(|(prefix, ranges)| {
            ranges.into_iter().flatten().map(move |number: u32| format!("{prefix}{number}"))
        })
        .filter(|point| !named.contains(point))
        .collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}

fn is_point(word: &str) -> bool {
    let (first, digits) = word.split_at(word.len().min(1));
    matches!(first, "C" | "J" | "L" | "R" | "O" | "A" | "E" | "P")
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn ranges(text: &str) -> Vec<(String, u32, u32)> {
    let mut found = Vec::new();
    for separator in ["–", "-"] {
        for (at, _) in text.match_indices(separator) {
            let before = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
            let after =
                text[at + separator.len()..].split(|c: char| !c.is_ascii_alphanumeric()).next();
            if let (Some(before), Some(after)) = (before, after)
                && is_point(before)
                && is_point(after)
                && before[..1] == after[..1]
                && let (Ok(first), Ok(last)) = (before[1..].parse(), after[1..].parse())
            {
                found.push((before[..1].to_owned(), first, last));
            }
        }
    }
    found
}
