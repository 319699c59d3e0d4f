//! `corecast`: command line in, exit code out.
//!
//! Exit codes: 0 after an orderly stop, 2 if the process could not start; a panic aborts. What the
//! process was asked for (a URL, the effective settings) goes to standard output, everything it
//! says about itself to standard error.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use corecast::config::{self, Command, CommandLine, ServeArgs, StartError};
use tracing_subscriber::EnvFilter;

/// Frames are allocated on one shard and freed on another; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().into_command() {
        Command::Serve(args) => serve(&args),
        Command::Token(args) => {
            config::token_command::run(args, &config::process_environment, unix_now_s())
                .map(|url| println!("{url}"))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("corecast: {error}");
            ExitCode::from(StartError::EXIT_CODE)
        }
    }
}

fn serve(args: &ServeArgs) -> Result<(), StartError> {
    let settings = config::load(args)?;
    if args.check {
        print!("{}", config::check::render(&settings));
        return Ok(());
    }
    start_logging(&settings.log);
    let args = args.clone();
    corecast::server::run(settings, move |running| config::reload(&args, running))
}

fn start_logging(filter: &str) {
    tracing_subscriber::fmt()
        .compact()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr)
        .init();
}

/// A clock before 1970 counts as 1970: a token then is expired everywhere, which is what it should
/// be.
fn unix_now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
