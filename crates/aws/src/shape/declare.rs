//! How shapes are declared: the traits of shapes and of their members, and the macro that implements them.

use super::{Document, Kind, Location, Member, Unreadable, Value};

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
    fn values(&self) -> Vec<(&'static str, Location, Value)>;
}

macro_rules! location {
    () => {
        $crate::shape::Location::Body
    };
    ($location:ident) => {
        $crate::shape::Location::$location
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
            $($(#[$doc:meta])* $field:ident: $type:ty => $wire:literal $(of $item:literal)? $(in $location:ident)?),* $(,)?
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
                    location: $crate::shape::location!($($location)?),
                    item: $crate::shape::item!($($item)?),
                    kind: <$type as $crate::shape::Field>::kind(),
                    required: !<$type as $crate::shape::Field>::OPTIONAL,
                },)*]
            }

            fn values(&self) -> Vec<(&'static str, $crate::shape::Location, $crate::shape::Value)> {
                let all: Vec<(&'static str, $crate::shape::Location, Option<$crate::shape::Value>)> = vec![$((
                    $wire,
                    $crate::shape::location!($($location)?),
                    $crate::shape::Field::value(&self.$field, $crate::shape::item!($($item)?)),
                ),)*];
                all.into_iter().filter_map(|(name, location, value)| Some((name, location, value?))).collect()
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

pub(crate) use {item, location, shapes};

/// The document, or that it is missing.
pub(crate) fn present(document: Option<&Document>) -> Result<&Document, Unreadable> {
    document.ok_or_else(|| Unreadable::new("is missing"))
}
