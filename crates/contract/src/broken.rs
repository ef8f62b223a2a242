//! The error for a broken contract, and the few checks that contracts make.

use std::fmt::{self, Debug, Display};

use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::ports::Answer;

/// How a contract was broken: what was expected, and what was found instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// Whether a contract was kept.
pub type Kept = Result<(), Broken>;

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self(format!("a call failed ({:?}): {failure}", failure.class))
    }
}

/// `found` must be `wanted`.
#[expect(clippy::needless_pass_by_value, reason = "the found value is mostly created for this one comparison")]
pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: T, wanted: T) -> Kept {
    that(found == wanted, || format!("{what}: found {found:?}, wanted {wanted:?}"))
}

/// `holds` must be true; otherwise `otherwise` says what was found instead.
pub(crate) fn that(holds: bool, otherwise: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err(Broken(otherwise())) }
}

/// The call must have been refused in a way that makes it useless to repeat it.
pub(crate) fn refused_for_good<T: Debug>(what: &str, answer: Answer<T>) -> Kept {
    match answer {
        Err(failure) if failure.class == FailureClass::Permanent => Ok(()),
        other => Err(Broken(format!("{what} was to be refused for good: {other:?}"))),
    }
}
