//! What can go wrong with a spool, one type per question that the caller has to answer.
//!
//! [`OpenError`]: may the server start with this directory? [`AppendError`]: is this record kept?
//! [`FlushError`]: which ones were not kept after all? Everything else is a [`FileError`]: what was
//! to be done with which file, and what the system said. None of them leaves a spool unusable: the
//! same call may be tried again.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file that could not be worked with.
#[derive(Debug)]
pub struct FileError {
    /// What was tried, as in "cannot … the file".
    pub action: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: the path is copied only if there is an error.
    pub(super) fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_path_buf(), source }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.path.display(), self.source)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Why a directory cannot be used as a spool. No record that is still needed has been touched.
#[derive(Debug)]
pub enum OpenError {
    /// Another spool has it, of this process or of another.
    InUse { directory: PathBuf },
    /// A segment was written by a version of this program that this one does not understand.
    UnknownVersion { path: PathBuf, version: u32 },
    /// The directory or a file in it cannot be created, read or written.
    File(FileError),
}

impl From<FileError> for OpenError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { directory } => {
                write!(f, "{} is in use by another spool", directory.display())
            }
            Self::UnknownVersion { path, version } => {
                write!(f, "{} has the unknown version {version}", path.display())
            }
            Self::File(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(&error.source),
            Self::InUse { .. } | Self::UnknownVersion { .. } => None,
        }
    }
}

/// Why a record is not taken. It has no sequence number then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// There is no room until something is settled.
    Full,
    /// It is beyond [`RECORD_BYTES_MAX`](super::RECORD_BYTES_MAX), or would not even fit into an
    /// empty spool of this size.
    TooLarge,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the spool is full",
            Self::TooLarge => "the record is too large for the spool",
        })
    }
}

impl std::error::Error for AppendError {}

/// A batch that could not be written. It is cut off again as a whole and forgotten.
#[derive(Debug)]
pub struct FlushError {
    /// The sequence numbers of its records. The next records get them again.
    pub not_kept: Range<u64>,
    pub error: FileError,
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.not_kept.end - self.not_kept.start;
        write!(f, "{} ({records} records not kept)", self.error)
    }
}

impl std::error::Error for FlushError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file_and_the_reason() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let error = FileError::new("open", Path::new("/spool/lock"))(missing());
        assert_eq!(error.to_string(), "cannot open /spool/lock: entity not found");
        let error = FlushError { not_kept: 3..5, error };
        assert_eq!(
            error.to_string(),
            "cannot open /spool/lock: entity not found (2 records not kept)"
        );
    }
}
