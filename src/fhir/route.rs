//! A row of the table of routes that each API has.

/// The interaction that a method on a path is.
pub struct Route<I> {
    pub method: &'static str,
    /// The path below the base; `{type}` stands for each resource type.
    pub path: &'static str,
    pub interaction: I,
}

impl<I> Route<I> {
    /// The methods that `Allow` names for this route: `HEAD` goes with `GET`.
    pub fn allowed_methods(&self) -> &'static str {
        if self.method == "GET" { "GET, HEAD" } else { self.method }
    }
}
