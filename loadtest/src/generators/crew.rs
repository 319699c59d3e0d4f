//! The parent's side: it starts the processes, lets them go on together, and collects what they
//! found.
//!
//! Each child's output and errors have a thread of their own, so that none can fill a pipe that
//! nobody reads. What a child writes on standard error is passed on behind its number. When one
//! fails the run ends with its words, and all other children with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail};

use super::{HERE, Place, RESULT};

/// A child, which ends with this value.
struct Generator {
    child: Child,
    input: ChildStdin,
    errors: Option<JoinHandle<String>>,
}

/// A line of a child's output; `None` when that has ended.
type Said = (usize, Option<String>);

/// Runs this program as `count` parts; the result of each, in their order.
pub(super) fn run(count: usize) -> Result<Vec<String>> {
    let (sender, said) = mpsc::channel();
    let start = |index| Generator::start(Place { index, count }, sender.clone());
    let mut generators = (0..count).map(start).collect::<Result<Vec<_>>>()?;
    let mut round = Round::new(count);
    while !round.is_over() {
        let (index, line) = said.recv().context("listening to the generators")?;
        match round.on_said(index, line.as_deref()) {
            Step::Wait => {}
            Step::GoOn => generators.iter_mut().try_for_each(Generator::let_go)?,
            Step::Failed => bail!("generator {index}: {}", generators[index].last_words()),
        }
    }
    Ok(round.results.into_iter().flatten().collect())
}

/// Who has come how far.
struct Round {
    /// Children that wait at the next meeting.
    waiting: usize,
    results: Vec<Option<String>>,
}

/// What follows from what a child has said.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Wait,
    /// All are at the meeting.
    GoOn,
    Failed,
}

impl Round {
    fn new(count: usize) -> Self {
        Self { waiting: 0, results: vec![None; count] }
    }

    fn is_over(&self) -> bool {
        self.results.iter().all(Option::is_some)
    }

    fn on_said(&mut self, index: usize, line: Option<&str>) -> Step {
        match line {
            Some(HERE) => {
                self.waiting += 1;
                if self.waiting < self.results.len() {
                    return Step::Wait;
                }
                self.waiting = 0;
                Step::GoOn
            }
            Some(line) => match line.strip_prefix(RESULT) {
                Some(result) => {
                    self.results[index] = Some(result.to_owned());
                    Step::Wait
                }
                None => Step::Failed,
            },
            None if self.results[index].is_some() => Step::Wait,
            None => Step::Failed,
        }
    }
}

impl Generator {
    fn start(place: Place, sender: Sender<Said>) -> Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut command = Command::new(program);
        command.args(std::env::args_os().skip(1)).arg(format!("--part={place}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("starting a generator")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = input.zip(output).context("the pipes of a generator")?;
        let errors = child.stderr.take().context("the pipes of a generator")?;
        let index = place.index;
        let name = format!("generator {index}");
        thread::Builder::new()
            .name(name.clone())
            .spawn(move || tell_lines(index, output, &sender))
            .context("listening to a generator")?;
        let errors = thread::Builder::new()
            .name(name)
            .spawn(move || pass_on(index, errors))
            .context("listening to a generator")?;
        Ok(Self { child, input, errors: Some(errors) })
    }

    fn let_go(&mut self) -> Result<()> {
        self.input.write_all(b"\n").context("telling a generator to go on")
    }

    /// Why it has ended: the error it told, or else how it ended and its last line.
    fn last_words(&mut self) -> String {
        // A child that said something unknown still runs.
        let _ = self.child.kill();
        let line = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        match (line.strip_prefix("loadtest: "), self.child.wait()) {
            (Some(error), _) => error.to_owned(),
            (None, Ok(status)) => format!("{status}; its last line was {line:?}"),
            (None, Err(error)) => format!("{error}; its last line was {line:?}"),
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // Both fail only when the child has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tell_lines(index: usize, output: impl Read, sender: &Sender<Said>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        // Nobody listens any more when the run has failed.
        let _ = sender.send((index, Some(line)));
    }
    let _ = sender.send((index, None));
}

/// The last line.
fn pass_on(index: usize, errors: impl Read) -> String {
    let mut last = String::new();
    for line in BufReader::new(errors).lines().map_while(Result::ok) {
        eprintln!("generator {index}: {line}");
        last = line;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_go_on_when_the_last_one_has_come() {
        let mut round = Round::new(3);
        for _ in 0..2 {
            assert_eq!(round.on_said(1, Some(HERE)), Step::Wait);
            assert_eq!(round.on_said(0, Some(HERE)), Step::Wait);
            assert_eq!(round.on_said(2, Some(HERE)), Step::GoOn);
        }
    }

    #[test]
    fn a_run_is_over_with_the_last_result() {
        let mut round = Round::new(2);
        assert_eq!(round.on_said(1, Some("result {}")), Step::Wait);
        assert_eq!(round.on_said(1, None), Step::Wait);
        assert!(!round.is_over());
        assert_eq!(round.on_said(0, Some("result []")), Step::Wait);
        assert!(round.is_over());
        assert_eq!(round.results, [Some("[]".into()), Some("{}".into())]);
    }

    #[test]
    fn a_child_that_ends_without_a_result_has_failed() {
        assert_eq!(Round::new(2).on_said(0, None), Step::Failed);
        assert_eq!(Round::new(2).on_said(0, Some("what?")), Step::Failed);
    }
}
