//! What has arrived at a client against what had to.

use crate::client::Client;
use crate::world::World;

impl World {
    /// Everything a client was there for has arrived, unless something is on its way between
    /// shards: that may be what is missing.
    pub(crate) fn check_complete(&self, client: &Client) {
        if !self.is_at_rest() {
            return;
        }
        for (group, published) in &self.published {
            for publish in published.iter().filter(|publish| publish.step < self.step) {
                assert!(
                    client.has(*group, publish) || !client.must_have(*group, publish),
                    "client {} missed {publish:?} of group {group}: {:?}",
                    client.index,
                    client.stays
                );
            }
        }
    }

    /// What has arrived is without gaps, whatever has become of the client; nobody gets what it
    /// wanted no echo of.
    pub(crate) fn check_gaps(&self, client: &Client) {
        for (group, published) in &self.published {
            for publish in published {
                assert!(
                    client.has(*group, publish) || !client.has_skipped(*group, publish),
                    "client {} got what came after {publish:?} of group {group}: {:?}",
                    client.index,
                    client.stays
                );
                let is_own = publish.publisher == client.index;
                assert!(!(is_own && publish.no_echo && client.has(*group, publish)));
            }
        }
    }

    /// Whether what this client has published is executed by now.
    pub(crate) fn settle_publishes(&mut self, client: &Client) {
        let all = self.published.values_mut().flatten();
        for publish in all.filter(|publish| publish.publisher == client.index) {
            publish.is_done |= !client.acks.is_open(publish.ack);
        }
    }
}
