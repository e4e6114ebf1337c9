//! Recognises the errors of a connection pooler.

pub(super) const SHARED_SESSION: &str = "it changes the session between transactions, and prepared statements, settings and locks \
    belong to a session; set pool_mode = session for this database, or connect to Postgres directly";

/// What a pooler means by an error, where it is one of a pooler.
pub(crate) fn reason(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    let message = error.message();
    match error.code()?.as_ref() {
        // A prepared statement that exists already, or does not: another session than before.
        "42P05" | "26000" => Some(SHARED_SESSION.to_owned()),
        "08P01" if message.contains("unsupported startup parameter") => Some(format!(
            "it says \"{message}\"; remove options from the database address, and PGOPTIONS from the environment"
        )),
        // `pool_mode = statement`
        "08P01" if message.contains("statement pooling mode") => Some(SHARED_SESSION.to_owned()),
        _ => None,
    }
}
