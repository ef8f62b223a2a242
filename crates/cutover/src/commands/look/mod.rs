//! `cutover look`: how testers reach the new site while DNS still shows the maintenance page. It needs neither a conductor nor
//! the state, and changes nothing.

mod addresses;
mod browser;
mod run;
mod ways;

pub(super) use run::run;
