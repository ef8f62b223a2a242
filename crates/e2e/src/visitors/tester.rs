//! A tester, who looks at a site where DNS does not lead yet.

use super::connection::{Connection, trust};
use crate::site::RELEASE_HEADER;

/// The number of the release that a site shows at an address, to somebody who trusts that authority.
///
/// # Errors
/// Why it shows none.
pub fn release_at(authority: &str, site: &str, address: &str) -> Result<String, String> {
    let (page, _) = Connection::open(&trust(authority), site, address)?.get(site, "/")?;
    let release = page.header(RELEASE_HEADER).map(str::to_owned);
    release.ok_or_else(|| format!("{site} answers with {} and names no release", page.status))
}
