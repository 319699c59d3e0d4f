//! A file of lines that rotates by size: `events.jsonl`, and before it `events.jsonl.1`, `.2` and so
//! on, the oldest of which is removed.
//!
//! Synchronous: callers are on a thread for blocking work. What a failed write has left is cut off
//! before the next, so that there are only whole lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::event::destination::FileEndpoint;

/// The file that is written to.
#[derive(Debug)]
pub(super) struct LineFile {
    settings: FileEndpoint,
    file: File,
    /// Of whole batches.
    bytes: u64,
}

impl LineFile {
    /// # Errors
    /// The file cannot be opened or made.
    pub(super) fn open(settings: &FileEndpoint) -> io::Result<Self> {
        let file = append_to(&settings.path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { settings: settings.clone(), file, bytes })
    }

    /// Writes whole lines, as many into each file as have room there.
    ///
    /// # Errors
    /// Not all of them are written. Those in a file that was full by then are.
    pub(super) fn write(&mut self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            let room = self.settings.bytes_max.saturating_sub(self.bytes);
            let fitting = match usize::try_from(room) {
                Ok(room) if room < lines.len() => whole_lines(&lines[..room]),
                _ => lines.len(),
            };
            let taken = match fitting {
                0 if self.bytes > 0 => {
                    self.rotate()?;
                    continue;
                }
                // Larger than any file may be: a line is never divided.
                0 => memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1),
                fitting => fitting,
            };
            self.append(&lines[..taken])?;
            lines = &lines[taken..];
        }
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(lines) {
            self.file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let FileEndpoint { path, files_max, .. } = &self.settings;
        for number in (1..*files_max).rev() {
            move_if_there(&numbered(path, number), &numbered(path, number + 1))?;
        }
        match files_max {
            0 => std::fs::remove_file(path)?,
            _ => move_if_there(path, &numbered(path, 1))?,
        }
        self.file = append_to(path)?;
        self.bytes = 0;
        Ok(())
    }
}

/// Bytes up to the end of the last whole line.
fn whole_lines(bytes: &[u8]) -> usize {
    memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1)
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_room_and_the_oldest_goes() {
        let directory = std::env::temp_dir().join(format!("corecast-lines-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a temporary directory");
        let path = directory.join("events.jsonl");
        let settings = FileEndpoint { path: path.clone(), bytes_max: 10, files_max: 2 };
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();

        let mut file = LineFile::open(&settings).expect("writable");
        file.write(b"aaaa\n").expect("room");
        drop(file);
        let mut file = LineFile::open(&settings).expect("it is there");
        file.write(b"bbbb\n").expect("room");
        assert_eq!(read(&path), "aaaa\nbbbb\n");
        file.write(b"longer than all of it\n").expect("a line is never divided");
        assert_eq!(read(&path), "longer than all of it\n");
        assert_eq!(read(&numbered(&path, 1)), "aaaa\nbbbb\n");
        file.write(b"c\n").expect("room");
        file.write(b"ddddddddd\n").expect("room");
        assert_eq!(read(&path), "ddddddddd\n");
        assert_eq!(read(&numbered(&path, 1)), "c\n");
        assert_eq!(read(&numbered(&path, 2)), "longer than all of it\n");
        assert!(!numbered(&path, 3).exists());
        // Lines of one batch go where they have room.
        file.write(b"e\nf\ng\nh\ni\nj\n").expect("room");
        assert_eq!(read(&numbered(&path, 2)), "ddddddddd\n");
        assert_eq!(read(&numbered(&path, 1)), "e\nf\ng\nh\ni\n");
        assert_eq!(read(&path), "j\n");
        std::fs::remove_dir_all(&directory).expect("ours");
    }
}
