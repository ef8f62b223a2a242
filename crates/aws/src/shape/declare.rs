//! Shapes: what requests and answers look like, declared once for writing, reading and for holding against AWS's
//! own models.
//!
//! A shape names each member as the wire has it. Writing makes [`Value`]s of it, which a protocol turns into
//! parameters, XML or JSON; answers of all protocols become [`Document`]s, which shapes are read from.

mod fields;

use jiff::Timestamp;

/// Where a member of a request or an answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
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
    pub place: Place,
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

/// What was read: an XML element or a JSON value, with its text and what is within.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The text; of a structure or list, nothing.
    pub text: String,
    /// Members, or the elements of a list, in order.
    pub children: Vec<(String, Document)>,
}

impl Document {
    /// The first member of that name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|(child, _)| child == name).map(|(_, document)| document)
    }

    /// The first member of that name at any depth, its own members first.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Self> {
        self.child(name).or_else(|| self.children.iter().find_map(|(_, child)| child.find(name)))
    }

    /// A leaf.
    #[must_use]
    pub fn leaf(text: impl Into<String>) -> Self {
        Self { text: text.into(), children: Vec::new() }
    }
}

/// An answer that is not as AWS's model says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {trouble}")]
pub struct Unreadable {
    /// The members that lead there.
    pub path: String,
    /// What is wrong with it.
    pub trouble: String,
}

impl Unreadable {
    fn new(trouble: impl Into<String>) -> Self {
        Self { path: String::new(), trouble: trouble.into() }
    }

    /// The same, seen from the member that contains it.
    #[must_use]
    pub fn within(mut self, member: &str) -> Self {
        self.path = if self.path.is_empty() { member.to_owned() } else { format!("{member}.{}", self.path) };
        self
    }
}

/// A type that a member can have.
pub trait Field: Sized {
    /// Whether reading succeeds without it.
    const OPTIONAL: bool;
    /// Its description.
    fn kind() -> Kind;
    /// What is to be written; nothing when it is left out. `item` names the elements of a list.
    fn value(&self, item: &'static str) -> Option<Value>;
    /// Reads it.
    ///
    /// # Errors
    /// When it is absent and has to be there, or is not of this type.
    fn read(document: Option<&Document>) -> Result<Self, Unreadable>;
}

/// A structure with named members, declared with `shapes!`.
pub trait Shape: Field {
    /// Its members.
    fn members() -> Vec<Member>;
    /// What is to be written of each member, in the order of their declaration.
    fn values(&self) -> Vec<(&'static str, Place, Value)>;
}

macro_rules! place {
    () => {
        $crate::shape::Place::Body
    };
    ($place:ident) => {
        $crate::shape::Place::$place
    };
}

macro_rules! item {
    () => {
        "member"
    };
    ($item:literal) => {
        $item
    };
}

/// Declares structures: `field: Type => "WireName"`, with `of "Item"` where the elements of a list are not called
/// `member`, and `in Uri`, `Query`, `Header` or `Payload` where a member travels elsewhere than in the body.
macro_rules! shapes {
    ($(
        $(#[$about:meta])*
        pub struct $name:ident {
            $($(#[$doc:meta])* $field:ident: $type:ty => $wire:literal $(of $item:literal)? $(in $place:ident)?),* $(,)?
        }
    )+) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $crate::shape::Shape for $name {
            fn members() -> Vec<$crate::shape::Member> {
                vec![$($crate::shape::Member {
                    name: $wire,
                    place: $crate::shape::place!($($place)?),
                    item: $crate::shape::item!($($item)?),
                    kind: <$type as $crate::shape::Field>::kind(),
                    required: !<$type as $crate::shape::Field>::OPTIONAL,
                },)*]
            }

            fn values(&self) -> Vec<(&'static str, $crate::shape::Place, $crate::shape::Value)> {
                let all: Vec<(&'static str, $crate::shape::Place, Option<$crate::shape::Value>)> = vec![$((
                    $wire,
                    $crate::shape::place!($($place)?),
                    $crate::shape::Field::value(&self.$field, $crate::shape::item!($($item)?)),
                ),)*];
                all.into_iter().filter_map(|(name, place, value)| Some((name, place, value?))).collect()
            }
        }

        impl $crate::shape::Field for $name {
            const OPTIONAL: bool = false;

            fn kind() -> $crate::shape::Kind {
                $crate::shape::Kind::Structure(<Self as $crate::shape::Shape>::members)
            }

            fn value(&self, _item: &'static str) -> Option<$crate::shape::Value> {
                let members = $crate::shape::Shape::values(self).into_iter();
                Some($crate::shape::Value::Structure(members.map(|(name, _, value)| (name, value)).collect()))
            }

            fn read(document: Option<&$crate::shape::Document>) -> Result<Self, $crate::shape::Unreadable> {
                let _document = $crate::shape::present(document)?;
                Ok(Self {$(
                    $field: $crate::shape::Field::read(_document.child($wire)).map_err(|trouble| trouble.within($wire))?,
                )*})
            }
        }
    )+};
}

pub(crate) use {item, place, shapes};

/// The document, or that it is missing.
pub(crate) fn present(document: Option<&Document>) -> Result<&Document, Unreadable> {
    document.ok_or_else(|| Unreadable::new("is missing"))
}
