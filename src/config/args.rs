//! The command line as typed.
//!
//! Values stay text here and defaults are not applied: a flag is only the uppermost of four layers
//! (flag, environment, file, default), and [`super::settings`] gives every layer the same checks
//! and the same messages. Help texts come from [`super::table`].

use clap::{Args, Parser, Subcommand};

use super::table;

/// A publish/subscribe server for WebSocket clients, compatible with Azure Web PubSub.
#[derive(Debug, Parser)]
#[command(name = "corecast", version, about, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

/// What the process is asked to do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "a process has one command")]
pub enum Command {
    /// Run the server (also without the word: `corecast --listen ...`)
    Serve(ServeArgs),
    /// Print a URL with which a client can connect
    Token(TokenArgs),
}

impl CommandLine {
    /// The command, which is `serve` if none was named.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

/// Flags of `corecast serve`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ServeArgs {
    /// Configuration file in TOML, or JSON if its name ends in .json; environment variables and flags
    /// override it. Environment: CORECAST_CONFIG.
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Print the effective settings as a configuration file and exit
    #[arg(long)]
    pub check: bool,
    #[arg(long, value_name = "ADDR", help = table::LISTEN.help())]
    pub listen: Vec<String>,
    #[arg(long, value_name = "ADDR", help = table::ADMIN_LISTEN.help())]
    pub admin_listen: Option<String>,
    #[arg(long, value_name = "N", help = table::SHARDS.help())]
    pub shards: Option<String>,
    #[arg(long, overrides_with = "no_pin", help = table::PIN.help())]
    pub pin: bool,
    /// Let the kernel move shards between cores
    #[arg(long, overrides_with = "pin")]
    pub no_pin: bool,
    #[arg(long, value_name = "KEY", help = table::ACCESS_KEY.help())]
    pub access_key: Option<String>,
    #[arg(long, value_name = "KEY", help = table::SECONDARY_ACCESS_KEY.help())]
    pub secondary_access_key: Option<String>,
    #[arg(long, value_name = "URL", help = table::PUBLIC_ENDPOINTS.help())]
    pub public_endpoint: Vec<String>,
    #[arg(long, help = table::DISABLE_LOCAL_AUTH.help())]
    pub disable_local_auth: bool,
    #[arg(long, help = table::DISABLE_AAD_AUTH.help())]
    pub disable_aad_auth: bool,
    #[arg(long, value_name = "FILTER", help = table::LOG.help())]
    pub log: Option<String>,
    #[arg(long, value_name = "TIME", help = table::HEADER_TIMEOUT.help())]
    pub header_timeout: Option<String>,
    #[arg(long, value_name = "TIME", help = table::SHUTDOWN_GRACE.help())]
    pub shutdown_grace: Option<String>,
    #[arg(long, value_name = "TIME", help = table::DRAIN_DEADLINE.help())]
    pub drain_deadline: Option<String>,
    #[arg(long, value_name = "N", help = table::MESH_SLOTS.help())]
    pub mesh_slots: Option<String>,
    #[arg(long, value_name = "TIME", help = table::EVENT_TIMEOUT.help())]
    pub event_timeout: Option<String>,
    #[arg(long, value_name = "N", help = table::EVENT_ATTEMPTS.help())]
    pub event_attempts: Option<String>,
    #[arg(long, value_name = "N", help = table::EVENT_CONCURRENCY.help())]
    pub event_concurrency: Option<String>,
    #[arg(long, value_name = "N", help = table::EVENT_QUEUE_MESSAGES.help())]
    pub event_queue_messages: Option<String>,
    #[arg(long, value_name = "N", help = table::EVENT_QUEUE_BYTES.help())]
    pub event_queue_bytes: Option<String>,
    #[arg(long, value_name = "N", help = table::EVENT_LISTENERS_MAX.help())]
    pub event_listeners_max: Option<String>,
    #[arg(long, value_name = "N", help = table::EVENT_LISTENER_QUEUE_MESSAGES.help())]
    pub event_listener_queue_messages: Option<String>,
    #[arg(long, value_name = "N", help = table::EVENT_LISTENER_QUEUE_BYTES.help())]
    pub event_listener_queue_bytes: Option<String>,
    #[arg(long, overrides_with = "no_event_cookies", help = table::EVENT_COOKIES.help())]
    pub event_cookies: bool,
    /// Keep no cookies of event handlers
    #[arg(long, overrides_with = "event_cookies")]
    pub no_event_cookies: bool,
    #[arg(
        long,
        overrides_with = "no_name_identifier_claim",
        help = table::NAME_IDENTIFIER_CLAIM.help()
    )]
    pub name_identifier_claim: bool,
    /// Pass on the claims of a token by their own names only
    #[arg(long, overrides_with = "name_identifier_claim")]
    pub no_name_identifier_claim: bool,
    #[arg(long, value_name = "FILE", help = table::UPSTREAM_ROOT_CERTIFICATES.help())]
    pub upstream_root_certificates: Option<String>,
}

/// Flags of `corecast token`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct TokenArgs {
    /// Hub to connect to
    #[arg(long, value_name = "NAME")]
    pub hub: String,
    /// User id of the client
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
    /// Role, such as webpubsub.joinLeaveGroup.GROUP; repeatable
    #[arg(long, value_name = "ROLE")]
    pub role: Vec<String>,
    /// Group that the client is put into; repeatable
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
    /// How long the token is valid for connecting
    #[arg(long, value_name = "TIME", default_value = "60m")]
    pub ttl: String,
    /// Where clients reach the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub endpoint: String,
    /// Key to sign with: text, env:NAME or file:PATH [default: CORECAST_ACCESS_KEY, then the file's
    /// accessKey]
    #[arg(long, value_name = "KEY")]
    pub access_key: Option<String>,
    /// Configuration file to take the key from. Environment: CORECAST_CONFIG.
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(words: &[&str]) -> Result<Command, clap::Error> {
        let words = std::iter::once(&"corecast").chain(words);
        CommandLine::try_parse_from(words).map(CommandLine::into_command)
    }

    fn serve(words: &[&str]) -> ServeArgs {
        match parse(words) {
            Ok(Command::Serve(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn is_consistent_and_help_renders() {
        CommandLine::command().debug_assert();
        let mut command = CommandLine::command();
        let help = command.render_long_help().to_string();
        for setting in table::PROCESS {
            assert!(help.contains(setting.flag), "{}", setting.flag);
            assert!(help.contains(setting.environment), "{}", setting.environment);
        }
    }

    #[test]
    fn serve_is_the_default_command() {
        assert_eq!(serve(&[]), serve(&["serve"]));
        assert_eq!(serve(&["--check"]), serve(&["serve", "--check"]));
        let listen = ["--listen", "127.0.0.1:1", "--listen", "[::1]:2"];
        assert_eq!(serve(&listen).listen, ["127.0.0.1:1", "[::1]:2"]);
    }

    #[test]
    fn the_last_of_pin_and_no_pin_counts() {
        assert!(serve(&["--no-pin", "--pin"]).pin);
        assert!(!serve(&["--no-pin", "--pin"]).no_pin);
        assert!(serve(&["--pin", "--no-pin"]).no_pin);
    }

    #[test]
    fn token_needs_a_hub_and_repeats_roles() {
        assert!(parse(&["token"]).is_err());
        let words = ["token", "--hub", "chat", "--role", "a", "--role", "b"];
        let Ok(Command::Token(args)) = parse(&words) else { panic!() };
        assert_eq!((args.hub.as_str(), args.role.len()), ("chat", 2));
        assert_eq!((args.ttl.as_str(), args.endpoint.as_str()), ("60m", "http://127.0.0.1:8080"));
    }

    #[test]
    fn refuses_unknown_flags_and_flags_before_a_command() {
        assert!(parse(&["--bogus"]).is_err());
        assert!(parse(&["--listen", "127.0.0.1:1", "token", "--hub", "chat"]).is_err());
    }
}
