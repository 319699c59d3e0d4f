//! What must be in no log (events-listener.md, section 5.2.3).

use super::event_hubs::KEY;
use super::rabbitmq::PASSWORD;
use super::server::{PRIMARY_KEY, SECONDARY_KEY};

/// What is secret in the configurations of the tests, and how signed tokens begin.
const SECRETS: [&str; 6] =
    [KEY, PASSWORD, PRIMARY_KEY, SECONDARY_KEY, "SharedAccessSignature", "SharedAccessKey="];

/// L35: looked at for every server of every test.
pub(super) fn assert_none_in(log: &str) {
    for secret in SECRETS {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a log shows {secret}");
    }
}
