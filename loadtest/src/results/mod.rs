//! Results folders: `FOLDER/raw/NAME-N.json` is the report of run N of what is called NAME.
//!
//! `keep` puts the report of a run there; `folder` finds reports and `reading` has one as flat
//! figures and facts, which `compare` and whatever else looks at finished runs take it as.

pub(crate) mod folder;
pub(crate) mod keep;
pub(crate) mod reading;
#[cfg(test)]
pub(crate) mod scratch;

/// Where a results folder has its reports.
const RAW: &str = "raw";
