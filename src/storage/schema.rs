//! The schema of a database: its migrations, and the check of its version.

#![expect(clippy::cast_possible_wrap, reason = "there are a few migrations")]

use std::cmp::Ordering;

use sqlx::error::DatabaseError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr, SqliteConnection};

use super::address::Backend;
use super::database_name::DatabaseName;
use super::open_error::OpenError;
use super::postgres_address::PostgresAddress;

/// The migrations of one schema.
pub(super) struct Schema {
    /// In order, each with its version and name; a released migration is never edited.
    pub migrations: &'static [(i64, &'static str, Sql)],
    /// What to do about an older database, for people.
    pub remedy: &'static str,
}

/// The text of a migration.
#[derive(Clone, Copy)]
pub(super) enum Sql {
    Both(&'static str),
    Each { sqlite: &'static str, postgres: &'static str },
}

/// The version of the last migration of a database; 0 if there is none.
macro_rules! schema_version {
    ($connection:expr) => {{
        let sql = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";
        match sqlx::query_scalar::<_, Option<i64>>(sql).fetch_one($connection).await {
            Err(sqlx::Error::Database(error)) if is_missing_table(&*error) => Ok(0),
            version => version.map(Option::unwrap_or_default),
        }
    }};
}

impl Schema {
    /// The version of this program.
    pub fn version(&self) -> i64 {
        self.migrations.len() as i64
    }

    /// Applies the missing migrations to a SQLite file.
    ///
    /// SQLite has no lock around migrations: of two processes that create a database at the same moment, one finds
    /// the other's tables and fails. The second time, it also finds them recorded.
    pub async fn migrate_sqlite(&self, connection: &mut SqliteConnection) -> Result<(), OpenError> {
        let migrator = self.migrator(Backend::Sqlite);
        if migrator.run(&mut *connection).await.is_err() {
            migrator.run(&mut *connection).await?;
        }
        Ok(())
    }

    /// Applies the missing migrations to a Postgres database.
    pub async fn migrate_postgres(
        &self,
        connection: &mut PgConnection,
        address: &PostgresAddress,
    ) -> Result<(), OpenError> {
        let migrated = self.migrator(Backend::Postgres).run(connection).await;
        migrated.map_err(|error| address.migration_failed(error))
    }

    /// Refuses a SQLite file of another schema version.
    pub async fn check_sqlite(
        &self,
        connection: &mut SqliteConnection,
        description: &DatabaseName,
    ) -> Result<(), OpenError> {
        let failed = |source| OpenError::Connect { description: description.clone(), source };
        self.check(schema_version!(connection).map_err(failed)?, description)
    }

    /// Refuses a Postgres database of another schema version.
    pub async fn check_postgres(
        &self,
        connection: &mut PgConnection,
        address: &PostgresAddress,
    ) -> Result<(), OpenError> {
        let found = schema_version!(connection).map_err(|error| address.failed(error))?;
        self.check(found, &address.description)
    }

    fn check(&self, found: i64, description: &DatabaseName) -> Result<(), OpenError> {
        let (description, expected, remedy) = (description.clone(), self.version(), self.remedy);
        match found.cmp(&expected) {
            Ordering::Equal => Ok(()),
            Ordering::Less => Err(OpenError::OlderSchema { description, found, expected, remedy }),
            Ordering::Greater => Err(OpenError::NewerSchema { description, found, expected }),
        }
    }

    fn migrator(&self, backend: Backend) -> Migrator {
        let migrations = self.migrations.iter().map(|(version, name, sql)| {
            let sql = match (*sql, backend) {
                (Sql::Both(sql), _) => sql,
                (Sql::Each { sqlite, .. }, Backend::Sqlite) => sqlite,
                (Sql::Each { postgres, .. }, Backend::Postgres) => postgres,
            };
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect())
    }
}

/// Whether a statement failed because its table does not exist.
fn is_missing_table(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| code == "42P01") || error.message().starts_with("no such table")
}
