//! The description of members, and the values that are written for them.

use jiff::Timestamp;

/// Where a member of a request or an answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the body, as all members of most protocols.
    Body,
    /// As a part of the path.
    Uri,
    /// In the query string.
    Query,
    /// As a header.
    Header,
    /// As the whole body.
    Payload,
}

/// The type of a member.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text, enumerations too.
    Text,
    /// A whole number of any width.
    Integer,
    /// A number with a fraction. It is only ever read.
    Decimal,
    /// Yes or no.
    Boolean,
    /// A moment.
    Time,
    /// Several of one kind.
    List(Box<Kind>),
    /// Text to one kind.
    Map(Box<Kind>),
    /// Members of their own. A function, so that describing a shape costs nothing until somebody asks.
    Structure(fn() -> Vec<Member>),
}

/// One member of a shape.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name on the wire.
    pub name: &'static str,
    /// Where it travels.
    pub location: Location,
    /// What the elements of a list are called on the wire, where they are called anything.
    pub item: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether reading fails without it.
    pub required: bool,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// A moment.
    Time(Timestamp),
    /// Elements, with the name that each has on the wire. Never empty: an empty list is not written.
    List(&'static str, Vec<Value>),
    /// Text to values, in order.
    Map(Vec<(String, Value)>),
    /// Members in the order of their declaration.
    Structure(Vec<(&'static str, Value)>),
}
