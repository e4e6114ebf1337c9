//! The message of an error with its causes: many errors, those of HTTP clients among them, say nothing alone.

use std::error::Error;

/// The error's message and those of its causes, outermost first, separated by `: `. A cause that the message before
/// already ends with is not repeated.
pub fn join_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text += ": ";
            text += &cause;
        }
    }
    text
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
        let quoting = Failed("cannot connect: connection refused", Some(Box::new(refused)));
        let error = Failed("no answer", Some(Box::new(quoting)));
        assert_eq!(join_causes(&error), "no answer: cannot connect: connection refused");
    }
}
