//! The engine's ports on the embedded cloud, one file for each. They only map calls to functions; what a call does is
//! in `world`, and what all calls have in common is in `cloud`.

mod account;
mod announcer;
mod balancers;
mod branches;
mod builders;
mod compute;
mod databases;
mod dns;
mod hosts;
mod images;
mod outside;
mod packers;
mod pages;
