//! The Autobahn TestSuite, an independent judge of RFC 6455, against the real server.
//!
//! The suite's fuzzing client plays a simple client in `sendEvent` mode and expects every message
//! back, so an event handler echoes them. Binary messages without content cannot come back that
//! way: an empty answer is no answer, and with metadata it is an empty *text*
//! (events-webhook.md 8.4.3). The cases of `exclude-cases` in `tests/autobahn/fuzzingclient.json`
//! are those, and they run in `sendToGroup` mode, in a group of which the client is a member.
//!
//! What the suite may find is in `tests/autobahn/verdicts.csv`; how to read it, in the README
//! beside it. The suite runs on Python 2.7 alone: where there is none, the test says that it is
//! skipped.

mod echo_handler;
mod python2;
mod suite;
mod verdicts;

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use self::suite::Suite;
use crate::support::{Setup, Token};

const HUB: &str = "autobahn";

#[test]
fn the_suite_finds_what_the_table_says() {
    // C30, C32, C33, C37, C38, E39, E41: under everything RFC 6455 allows and forbids.
    let Some(suite) = Suite::installed() else {
        // Around the capture of the output: a test that is skipped should not look like one that
        // has passed.
        let reason = "SKIP the Autobahn TestSuite: no Python 2.7 (tests/autobahn/README.md)";
        writeln!(std::io::stderr(), "{reason}").expect("standard error");
        return;
    };
    let handler = echo_handler::start();
    let server = Setup::new()
        .config(&format!(
            "[hubs.{HUB}]\nanonymousConnectPolicy = \"allow\"\n\
            [[hubs.{HUB}.eventHandlers]]\n\
            urlTemplate = \"http://{handler}/{{hub}}/{{event}}\"\nuserEventPattern = \"*\"\n",
        ))
        .start();
    let endpoint = format!("ws://{}/client/hubs/{HUB}", server.address);
    let token = Token::for_hub(HUB).roles(&["webpubsub.sendToGroup.echo"]).groups(&["echo"]).sign();
    let group = format!("{endpoint}?webpubsub_mode=sendToGroup&group=echo&access_token={token}");

    let client = suite::client();
    let mut found = BTreeMap::new();
    found.extend(suite.judge("sendEvent", &endpoint, client.clone()));
    found.extend(suite.judge("sendToGroup", &group, only_excluded(client)));
    let deviations = verdicts::deviations(&found);
    assert!(
        deviations.is_empty(),
        "{}\nreports: {}",
        deviations.join("\n"),
        suite.reports().display(),
    );
}

/// The same configuration for the cases it leaves out.
fn only_excluded(mut client: Value) -> Value {
    client["cases"] = client["exclude-cases"].take();
    client["exclude-cases"] = json!([]);
    client
}
