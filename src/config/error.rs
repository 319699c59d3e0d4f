//! The one way in which starting can fail.
//!
//! Everything an operator can get wrong, and everything the machine can refuse at start, ends as a
//! [`StartError`]: one message that names the setting, its value and where that was written, the
//! reason, and what to do. `main` prints it and exits with [`StartError::EXIT_CODE`]; after the
//! server has started nothing produces one.

use std::fmt;

/// Why the server does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    setting: String,
    value: Option<String>,
    origin: Option<String>,
    reason: String,
    fix: String,
}

impl StartError {
    /// The exit code of a process that could not start, the same as for a wrong command line.
    pub const EXIT_CODE: u8 = 2;

    /// `setting` is the name as in the configuration file; or, for what the machine refuses, the
    /// word an operator would look for. `fix` is an instruction.
    pub fn new(
        setting: impl Into<String>,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (setting, reason, fix) = (setting.into(), reason.into(), fix.into());
        Self { setting, value: None, origin: None, reason, fix }
    }

    /// Names the offending value. Never call it with a key.
    pub fn with_value(self, value: impl fmt::Display) -> Self {
        Self { value: Some(value.to_string()), ..self }
    }

    /// Names the flag, the environment variable or the file that holds the value.
    pub fn from_origin(self, origin: impl fmt::Display) -> Self {
        Self { origin: Some(origin.to_string()), ..self }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.setting)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " (from {origin})")?;
        }
        write!(f, ": {}; {}", self.reason, self.fix)
    }
}

impl std::error::Error for StartError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_sentence_with_all_parts() {
        let error = StartError::new("shards", "0 is outside 1 to 128", "choose one of those")
            .with_value(0)
            .from_origin("--shards");
        assert_eq!(
            error.to_string(),
            "shards = 0 (from --shards): 0 is outside 1 to 128; choose one of those"
        );
        assert_eq!(
            StartError::new("io_uring", "it is off", "enable it").to_string(),
            "io_uring: it is off; enable it"
        );
    }
}
