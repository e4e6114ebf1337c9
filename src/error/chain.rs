//! The message of an error with its causes: many errors, those of HTTP clients among them, say nothing alone.

use std::error::Error;

/// The error's message and those of its causes, outermost first, separated by `: `.
pub fn join_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Failed(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn error_chain_names_each_cause_once() {
        let refused = Failed("connection refused", None);
        assert_eq!(join_causes(&refused), "connection refused");
        let error = Failed("no answer", Some(Box::new(Failed("cannot connect", Some(Box::new(refused))))));
        assert_eq!(join_causes(&error), "no answer: cannot connect: connection refused");
    }
}
