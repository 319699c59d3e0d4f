//! What a link is made of, whichever kind of endpoint it leads to.

use super::message::Mapping;
use crate::event::destination::{AmqpAuth, AmqpEndpoint, Authority, EventHubEndpoint, PartitionBy};
use crate::event::secret::Secret;

/// How to reach a broker and where to send.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    pub(super) authority: Authority,
    /// What the connection is opened to.
    pub(super) hostname: String,
    pub(super) sasl: Sasl,
    /// Whether a token has to be put first, and for what (section 5.1): the token's audience.
    pub(super) audience: Option<String>,
    /// Where the link leads; `None` is the anonymous terminus, where messages say so themselves.
    pub(super) target: Option<String>,
    pub(super) mapping: Mapping,
}

/// How the connection is opened.
#[derive(Clone, Debug)]
pub(super) enum Sasl {
    Anonymous,
    Plain { username: String, password: Secret },
}

impl LinkOptions {
    /// What claims have to be made out for; `None` if the link needs none.
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }
}

impl From<&EventHubEndpoint> for LinkOptions {
    /// Section 5.1: the gateway chooses the partition, by the partition key.
    fn from(endpoint: &EventHubEndpoint) -> Self {
        Self {
            authority: endpoint.authority.clone(),
            hostname: endpoint.namespace.clone(),
            sasl: Sasl::Anonymous,
            audience: Some(audience(&endpoint.namespace, &endpoint.event_hub)),
            target: Some(endpoint.event_hub.clone()),
            mapping: Mapping::of_event_hub(),
        }
    }
}

impl From<&AmqpEndpoint> for LinkOptions {
    /// Section 8.1.
    fn from(endpoint: &AmqpEndpoint) -> Self {
        let host = endpoint.authority.host.clone();
        let (sasl, audience) = match &endpoint.auth {
            AmqpAuth::Anonymous => (Sasl::Anonymous, None),
            AmqpAuth::Plain { username, password } => {
                let (username, password) = (username.clone(), password.clone());
                (Sasl::Plain { username, password }, None)
            }
            AmqpAuth::Cbs(_) => (Sasl::Anonymous, Some(audience(&host, &endpoint.address))),
        };
        let target = match endpoint.partition_by {
            PartitionBy::To => None,
            _ => Some(endpoint.address.clone()),
        };
        let mapping = Mapping::of_amqp(endpoint);
        Self {
            authority: endpoint.authority.clone(),
            hostname: host,
            sasl,
            audience,
            target,
            mapping,
        }
    }
}

/// The put-token `name` (section 5.1).
fn audience(host: &str, address: &str) -> String {
    format!("amqp://{host}/{}", address.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::destination::{ClaimsAuth, PropertyPrefix};

    #[test]
    fn tokens_are_made_out_for_the_address_and_plain_brokers_want_none() {
        let options = |auth, partition_by| {
            let host = "broker.example".to_owned();
            LinkOptions::from(&AmqpEndpoint {
                authority: Authority { is_tls: true, host, port: 5671 },
                address: "/queues/client-events".to_owned(),
                prefix: PropertyPrefix::Colon,
                partition_by,
                is_durable: true,
                auth,
            })
        };
        let claimed = options(AmqpAuth::Cbs(ClaimsAuth::Identity), PartitionBy::None);
        assert_eq!(claimed.audience(), Some("amqp://broker.example/queues/client-events"));
        assert_eq!(claimed.target.as_deref(), Some("/queues/client-events"));
        let password = Secret::new("hidden");
        let plain = AmqpAuth::Plain { username: "u".to_owned(), password };
        let plain = options(plain, PartitionBy::To);
        assert_eq!((plain.audience(), plain.target.as_deref()), (None, None));
        // L35
        assert!(!format!("{plain:?}").contains("hidden"));
    }
}
