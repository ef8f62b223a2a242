//! Where a request ends.

/// What becomes of the requests for a site that go to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// They get the maintenance page.
    Page,
    /// They get an error from whoever answers there, if anybody does.
    Nobody,
    /// They are spread over `receiving` hosts, of which `serving` can answer.
    Hosts { serving: u32, receiving: u32 },
}
