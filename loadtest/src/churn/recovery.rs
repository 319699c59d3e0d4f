//! Reliable members that take up their connections again.

use anyhow::{Context, Result, ensure};

use crate::fleet::Dial;
use crate::target::Target;
use crate::wire::recovery::Pass;
use crate::wire::subprotocol::Subprotocol;

/// By slot: with what its member can come back.
pub(crate) struct Recovery {
    target: Target,
    subprotocol: Subprotocol,
    passes: Vec<Option<Pass>>,
}

impl Recovery {
    pub(crate) fn new(target: &Target, subprotocol: Subprotocol, slots: usize) -> Self {
        Self { target: target.clone(), subprotocol, passes: vec![None; slots] }
    }

    /// Notes the greeting of a member, which has to be that of the connection it had.
    pub(crate) fn on_greeting(&mut self, slot: usize, greeting: &[u8]) -> Result<()> {
        let pass = Pass::read(self.subprotocol, greeting);
        let pass =
            pass.with_context(|| format!("a reliable client in slot {slot} got no token"))?;
        if let Some(earlier) = &self.passes[slot] {
            ensure!(
                earlier.connection_id == pass.connection_id,
                "a client recovered {} and got {}",
                earlier.connection_id,
                pass.connection_id
            );
        }
        self.passes[slot] = Some(pass);
        Ok(())
    }

    /// How the member of a slot comes back; `None` the first time.
    pub(crate) fn dial(&self, slot: usize) -> Option<Dial> {
        let pass = self.passes[slot].as_ref()?;
        Some(self.target.dial_again(self.subprotocol, pass))
    }
}
