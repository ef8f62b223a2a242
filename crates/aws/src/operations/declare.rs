//! How operations are declared: their traits, the macros that implement them, and an operation as data.

use crate::service::Service;
use crate::shape::{Member, Shape};

/// Whether an operation changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Read,
    /// It changes something.
    Write,
}

/// An operation: its request, and what belongs to it. None is declared elsewhere: [`Reads`] and [`Writes`] can be
/// relied on.
pub trait Operation: Shape + sealed::Declared {
    /// What comes back.
    type Output: Shape;
    /// The service.
    const SERVICE: Service;
    /// Its name, as AWS has it.
    const NAME: &'static str;
    /// Whether it changes anything.
    const EFFECT: Effect;
    /// The HTTP method.
    const METHOD: &'static str;
    /// The path, with `{Name}` for members that travel in it.
    const PATH: &'static str;
}

/// An operation that only reads, which anybody may ask for.
pub trait Reads: Operation {}

/// An operation that changes something, which takes a permit.
pub trait Writes: Operation {}

pub(super) mod sealed {
    /// Declared here, with its effect.
    pub trait Declared {}
}

/// An operation that answers in pages.
pub trait Paged: Reads + PartialEq {
    /// The request for the page after this one; nothing after the last.
    fn next(&self, page: &Self::Output) -> Option<Self>;
}

/// An operation as data.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The service.
    pub service: Service,
    /// Its name, as AWS has it.
    pub name: &'static str,
    /// Whether it changes anything.
    pub effect: Effect,
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// The members of its request.
    pub request: fn() -> Vec<Member>,
    /// The members that we read of its answer.
    pub output: fn() -> Vec<Member>,
}

impl Entry {
    pub(super) fn of<O: Operation>() -> Self {
        Self {
            service: O::SERVICE,
            name: O::NAME,
            effect: O::EFFECT,
            method: O::METHOD,
            path: O::PATH,
            request: O::members,
            output: O::Output::members,
        }
    }
}

macro_rules! http_method {
    () => {
        "POST"
    };
    ($method:literal) => {
        $method
    };
}

macro_rules! http_path {
    () => {
        "/"
    };
    ($path:literal) => {
        $path
    };
}

/// Marks an operation with its effect, for the compiler.
macro_rules! marked {
    (Read $request:ident) => {
        impl $crate::operations::Reads for $request {}
    };
    (Write $request:ident) => {
        impl $crate::operations::Writes for $request {}
    };
}

/// Declares the operations of a service: effect, request and output, and method and path where they matter.
macro_rules! operations {
    ($service:ident: $($effect:ident $request:ident -> $output:ident $(, $method:literal $path:literal)?;)+) => {
        $(impl $crate::operations::sealed::Declared for $request {}

        $crate::operations::marked! { $effect $request }

        impl $crate::operations::Operation for $request {
            type Output = $output;
            const SERVICE: $crate::service::Service = $crate::service::Service::$service;
            const NAME: &'static str = stringify!($request);
            const EFFECT: $crate::operations::Effect = $crate::operations::Effect::$effect;
            const METHOD: &'static str = $crate::operations::http_method!($($method)?);
            const PATH: &'static str = $crate::operations::http_path!($($path)?);
        })+

        pub(super) fn table() -> Vec<$crate::operations::Entry> {
            vec![$($crate::operations::Entry::of::<$request>()),+]
        }
    };
}

/// Declares that an operation answers in pages: what of its answer goes into which member of the next request.
macro_rules! paged {
    ($($request:ident: $from:ident => $to:ident;)+) => {$(
        impl $crate::operations::Paged for $request {
            fn next(&self, page: &Self::Output) -> Option<Self> {
                let token = page.$from.clone().filter(|token| !token.is_empty())?;
                Some(Self { $to: Some(token), ..self.clone() })
            }
        }
    )+};
}

pub(super) use {http_method, http_path, marked, operations, paged};
