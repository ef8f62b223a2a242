//! Where a request ends.

/// The outcome of requests for a site that go to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// They get the maintenance page.
    Page,
    /// They get an error from the server at the target, if there is one.
    Nobody,
    /// They are spread over `receiving` hosts, of which `serving` can answer.
    Hosts { serving: u32, receiving: u32 },
}
