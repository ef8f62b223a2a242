//! The engine's ports on the embedded cloud, one file each. They only say which call is which; what a call does
//! is in `world`, and what all calls have in common in `cloud`.

mod account;
mod announcer;
mod balancers;
mod compute;
mod databases;
mod dns;
mod hosts;
mod images;
mod outside;
mod pages;
