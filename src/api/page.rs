//! Pages of a group's connections (`rest-api.md` section 6.8).
//!
//! The order is that of connection ids, and a page begins after the last id of the one before, so
//! members may come and go between two pages. Each shard contributes its first
//! [`PageRequest::fetch_max`] members after [`PageRequest::after`]: one more than the page holds,
//! because a link to a next page is due exactly if there is something on it. Sorted together, no
//! page is wrong whatever shard contributes what.
//!
//! A continuation token holds that last id and a hash that binds it to hub and group. It is no
//! secret and not signed: whoever may list may begin where they like. It needs no state here, so
//! it is good on every node and after a restart.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::error::ApiError;
use super::parameters::Parameters;
use crate::hub::name::HubName;

/// Largest page, and the size without a wish (section 4).
pub const PAGE_SIZE_MAX: u32 = 200;

/// Longest continuation token, in characters (section 6.8.6).
const TOKEN_CHARS_MAX: usize = 2048;

/// Bytes of the hash in front of the id.
const HASH_BYTES: usize = 8;

/// Which members of a group are asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    after: Option<String>,
    size: u32,
    link: Link,
    scope: Scope,
    page_size_max: Option<u32>,
    top: Option<u32>,
}

/// What a link to the next page begins with.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Scheme, authority and path as the caller sent them.
    pub(super) url: String,
    pub(super) version: &'static str,
}

/// One member of the group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageEntry {
    pub connection_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    value: &'a [PageEntry],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

impl PageRequest {
    pub(super) fn read(
        query: Parameters<'_>,
        hub: &HubName,
        group: &str,
        link: Link,
    ) -> Result<Self, ApiError> {
        let page_size_max = query.number("maxpagesize", 1..=PAGE_SIZE_MAX)?;
        let top = query.number("top", 1..=i32::MAX as u32)?;
        let size = page_size_max.unwrap_or(PAGE_SIZE_MAX).min(top.unwrap_or(u32::MAX));
        let scope = Scope::new(hub, group);
        let invalid = || ApiError::invalid("continuationToken");
        let token = query.one("continuationToken")?;
        let after = token.map(|token| scope.read_token(&token).ok_or_else(invalid)).transpose()?;
        Ok(Self { after, size, link, scope, page_size_max, top })
    }

    /// Only members whose connection id is greater than this one, if there is one.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many members each shard contributes at most: the first ones by connection id.
    pub fn fetch_max(&self) -> usize {
        self.size as usize + 1
    }

    /// The body of the answer, from what the shards have contributed, in any order.
    pub fn render(&self, mut entries: Vec<PageEntry>) -> Vec<u8> {
        entries.sort_unstable();
        let has_more = entries.len() > self.size as usize;
        entries.truncate(self.size as usize);
        let next_link =
            if has_more { entries.last().and_then(|last| self.next(last)) } else { None };
        let page = Page { value: &entries, next_link };
        serde_json::to_vec(&page).expect("texts and lists are JSON")
    }

    /// The link to the page after a full one; `None` if `top` is exhausted (section 6.8.4).
    fn next(&self, last: &PageEntry) -> Option<String> {
        let top = match self.top.map(|top| top - self.size) {
            Some(0) => return None,
            Some(rest) => format!("&top={rest}"),
            None => String::new(),
        };
        let size = self.page_size_max.map(|max| format!("&maxpagesize={max}")).unwrap_or_default();
        let token = self.scope.token(&last.connection_id);
        // No value needs an escape: dates, numbers, and Base64 for URLs.
        let Link { url, version } = &self.link;
        Some(format!("{url}?api-version={version}{size}&continuationToken={token}{top}"))
    }
}

/// The list a continuation token is good for: the beginning of its hash.
#[derive(Clone, Copy, Debug)]
struct Scope(u64);

impl Scope {
    fn new(hub: &HubName, group: &str) -> Self {
        // A hub's name has no zero byte, so where it ends is unambiguous; the group's length keeps
        // its end apart from the id.
        let hash = fnv(FNV_OFFSET, hub.as_str().as_bytes());
        let hash = fnv(hash, &[0]);
        let hash = fnv(hash, &group.len().to_le_bytes());
        Self(fnv(hash, group.as_bytes()))
    }

    fn hash(self, id: &[u8]) -> [u8; HASH_BYTES] {
        fnv(self.0, id).to_le_bytes()
    }

    fn token(self, id: &str) -> String {
        let bytes = [&self.hash(id.as_bytes()), id.as_bytes()].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read_token(self, token: &str) -> Option<String> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (hash, id) = bytes.split_first_chunk::<HASH_BYTES>()?;
        let is_own = !id.is_empty() && *hash == self.hash(id);
        is_own.then(|| String::from_utf8(id.to_vec()).ok()).flatten()
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a: the same on every machine and in every version, which random seeds are not.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests;
