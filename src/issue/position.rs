//! Where in a body an issue is.

/// A place in the body of a request, as the client sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1. A line ends with LF, or CR and LF.
    pub line: u32,
    /// From 1, in characters (Unicode scalar values). A byte order mark is none of them.
    pub column: u32,
}

/// What is known of an issue's place in the body. [`crate::fhir::json::locate`] makes a position of it, once all issues of the
/// body are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Locator {
    /// Its expression is all that is known: unless that is about something else than the body, the place is that element's.
    #[default]
    Expression,
    /// The JSON Pointer (RFC 6901) of a member or an item. More exact than the expression, which names elements, not members,
    /// and may be truncated. If the body has nothing there, the place is the object or array that lacks it.
    Pointer(String),
    /// The byte at this index of the body, not counting a byte order mark.
    Offset(usize),
    /// Found.
    Position(Position),
}
