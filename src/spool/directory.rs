//! The directory of a spool: who may use it, which segments are in it, and where each file is.
//!
//! An exclusive lock on the file `lock` is held as long as this value lives; the kernel gives it
//! back when the process ends, however it ends. The lock file itself stays: removing it would let
//! two processes lock two different files of that name. Whatever else is in the directory is left
//! alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FlockOperation, access, flock};

use super::error::{FileError, OpenError};
use super::format;

/// Records may hold anything a client sent: they are for the server's user only.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A directory that no other spool uses.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Directory {
    /// Creates the directory if need be, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        if !path.is_dir() {
            create(path)?;
        }
        let path = path.to_path_buf();
        // Otherwise a directory that cannot be written is found out by the first event to be kept.
        access(&path, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|errno| FileError::new("write to", &path)(errno.into()))?;
        let lock_path = path.join("lock");
        let lock = create_file(&lock_path)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::InUse { directory: path }),
            Err(errno) => Err(FileError::new("lock", &lock_path)(errno.into()).into()),
        }
    }

    pub(super) fn segment_path(&self, first: u64) -> PathBuf {
        self.path.join(format::segment_name(first))
    }

    pub(super) fn position_path(&self) -> PathBuf {
        self.path.join("position")
    }

    /// For `map_err`: what could not be done with a segment.
    pub(super) fn failed(
        &self,
        action: &'static str,
        first: u64,
    ) -> impl FnOnce(io::Error) -> FileError {
        move |source| FileError { action, path: self.segment_path(first), source }
    }

    /// The first sequence numbers of all segments, ascending.
    pub(super) fn segments(&self) -> Result<Vec<u64>, FileError> {
        let list = || -> io::Result<Vec<u64>> {
            let mut segments = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                if let Some(first) = format::first_in_name(&entry.file_name())
                    && entry.file_type()?.is_file()
                {
                    segments.push(first);
                }
            }
            segments.sort_unstable();
            Ok(segments)
        };
        list().map_err(FileError::new("list", &self.path))
    }

    /// An empty file for a segment.
    pub(super) fn create_segment(&self, first: u64) -> Result<File, FileError> {
        let created = options().create(true).truncate(true).open(self.segment_path(first));
        created.map_err(self.failed("create", first))
    }

    /// The file of a segment that is there.
    pub(super) fn open_segment(&self, first: u64) -> Result<File, FileError> {
        options().open(self.segment_path(first)).map_err(self.failed("open", first))
    }

    /// Removes a segment; that it is gone already is as good.
    pub(super) fn remove_segment(&self, first: u64) -> Result<(), FileError> {
        match fs::remove_file(self.segment_path(first)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.map_err(self.failed("remove", first)),
        }
    }

    /// Makes the names of the files in it survive a loss of power.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        sync_directory(&self.path)
    }
}

/// Opens a file for reading and writing, and creates it if need be. What is in it stays.
pub(super) fn create_file(path: &Path) -> Result<File, FileError> {
    let opened = options().create(true).truncate(false).open(path);
    opened.map_err(FileError::new("create", path))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(FILE_MODE);
    options
}

fn create(path: &Path) -> Result<(), FileError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(DIRECTORY_MODE);
    builder.create(path).map_err(FileError::new("create", path))?;
    // Else a record could be synced, and its directory lost.
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

fn sync_directory(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(FileError::new("sync", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::tests::TempDirectory;
    use super::*;

    #[test]
    fn is_created_for_its_user_only() {
        let temp = TempDirectory::new();
        let path = temp.path().join("a/b");
        let directory = Directory::open(&path).unwrap();
        directory.create_segment(5).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&directory.segment_path(5)), 0o600);
        assert_eq!(mode(&path.join("lock")), 0o600);
    }

    #[test]
    fn a_second_spool_is_refused_until_the_first_is_gone() {
        let temp = TempDirectory::new();
        let first = Directory::open(temp.path()).unwrap();
        let refused = Directory::open(temp.path()).unwrap_err();
        assert!(matches!(&refused, OpenError::InUse { directory } if directory == temp.path()));
        drop(first);
        Directory::open(temp.path()).unwrap();
    }

    #[test]
    fn what_is_no_directory_is_refused_with_its_path() {
        let temp = TempDirectory::new();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = Directory::open(&path).unwrap_err().to_string();
            let start = format!("cannot create {}: ", path.display());
            assert!(error.starts_with(&start), "{error}");
        }
    }

    #[test]
    fn segments_are_listed_in_order_and_nothing_else() {
        let temp = TempDirectory::new();
        let directory = Directory::open(temp.path()).unwrap();
        for first in [10, 9, 100] {
            directory.create_segment(first).unwrap();
        }
        fs::write(temp.path().join("readme.txt"), "").unwrap();
        fs::create_dir(directory.segment_path(11)).unwrap();
        assert_eq!(directory.segments().unwrap(), [9, 10, 100]);
        directory.remove_segment(10).unwrap();
        directory.remove_segment(10).unwrap();
        assert_eq!(directory.segments().unwrap(), [9, 100]);
    }
}
