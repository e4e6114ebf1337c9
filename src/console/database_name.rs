//! What and where a database is, in the language of the page.

use super::text::{Text, fill};
use crate::storage::DatabaseName;

pub fn database_name(name: &DatabaseName, text: &Text) -> String {
    match name {
        DatabaseName::Sqlite { path } => fill(text.database_sqlite, &[("path", &path.display().to_string())]),
        DatabaseName::Postgres { database, server, schema } => {
            let sentence = schema.map_or(text.database_postgres, |_| text.database_postgres_schema);
            fill(sentence, &[("schema", schema.unwrap_or_default()), ("server", server), ("database", database)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Language;

    #[test]
    fn database_name_in_english_is_that_of_the_logs() {
        let (database, server) = ("sas".to_owned(), "db:5432".to_owned());
        let (french, english) = (Text::of(Language::French), Text::of(Language::English));
        let postgres = |schema| DatabaseName::Postgres { database: database.clone(), server: server.clone(), schema };
        for name in [DatabaseName::Sqlite { path: "/a.db".into() }, postgres(None), postgres(Some("annuaire"))] {
            assert_eq!(database_name(&name, english), name.to_string());
        }
        let shown = database_name(&postgres(Some("annuaire")), french);
        assert_eq!(shown, "Base Postgres sas sur db:5432, schéma annuaire");
    }
}
