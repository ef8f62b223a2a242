//! A tester, who looks at a site where DNS does not lead yet.

use super::connection::{Connection, trust};

/// What a site says in a header at an address, to somebody who trusts that authority.
///
/// # Errors
/// Why it says nothing there.
pub fn header_at(authority: &str, site: &str, address: &str, header: &str) -> Result<String, String> {
    let (page, _) = Connection::open(&trust(authority), site, address)?.get(site, "/")?;
    let value = page.header(header).map(str::to_owned);
    value.ok_or_else(|| format!("{site} answers with {} and without {header}", page.status))
}
