//! The elements that are indexed, read in one pass over the text of a resource; everything else is
//! only stepped over. This is where loading a directory spends its time.
//!
//! Whatever has another JSON type than expected counts as absent: a resource is not lost for an
//! element that nobody searches by. No type here contains itself, so that no depth of nesting in the
//! text becomes depth of the stack.

mod elements;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use elements::*;

/// What a JSON value means, by its type; where a type is not expected, nothing.
pub trait Shape<'de>: Default {
    /// A string.
    fn of_text(_: Cow<'de, str>) -> Self {
        Self::default()
    }

    /// A boolean.
    fn of_flag(_: bool) -> Self {
        Self::default()
    }

    /// An array.
    fn of_list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    /// An object. A number too arrives as one, of a single member of a private name.
    fn of_object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// A value that may have any JSON type.
#[derive(Debug, Default)]
pub struct Lenient<T>(pub T);

impl<T> Deref for Lenient<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Shape<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData)).map(Self)
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<T, E> {
        Ok(T::of_flag(flag))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        Ok(T::of_text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        T::of_list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::of_object(members)
    }
}

/// A string.
pub type Text<'a> = Lenient<Option<Cow<'a, str>>>;
/// A boolean.
pub type Flag = Lenient<Option<bool>>;
/// An array.
pub type List<T> = Lenient<Vec<T>>;

impl<'de> Shape<'de> for Option<Cow<'de, str>> {
    fn of_text(text: Cow<'de, str>) -> Self {
        Some(text)
    }
}

impl Shape<'_> for Option<bool> {
    fn of_flag(flag: bool) -> Self {
        Some(flag)
    }
}

impl<'de, T: Shape<'de>> Shape<'de> for Vec<T> {
    fn of_list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut list = Self::new();
        while let Some(item) = items.next_element::<Lenient<T>>()? {
            list.push(item.0);
        }
        Ok(list)
    }
}
