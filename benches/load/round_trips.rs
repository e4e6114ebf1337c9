//! What one connection to Postgres takes without the endpoint: the latencies below which none of its writes can be.

use std::time::Instant;

use sqlx::{Connection, Executor, PgConnection};

use super::shared::Failure;
use super::shared::goals::{Goals, milliseconds};
use super::shared::measured::Measured;

const REPETITIONS: i64 = 2000;
const WARMING_UP: i64 = 200;

/// The size of an account.
const CONTENT: usize = 2700;

/// `SELECT 1`; and, as pgbench's scripts do, `BEGIN`, `INSERT` and `COMMIT`, each a round trip.
pub async fn measure(url: &str, goals: &mut Goals) -> Result<(), Failure> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("CREATE TABLE bench (number BIGINT PRIMARY KEY, content TEXT NOT NULL)").await?;
    let content = "x".repeat(CONTENT);
    let (mut selects, mut inserts) = (vec![], vec![]);
    for number in 0..REPETITIONS {
        let start = Instant::now();
        sqlx::query("SELECT 1").execute(&mut connection).await?;
        let selected = Instant::now();
        let mut transaction = connection.begin().await?;
        let insert = sqlx::query("INSERT INTO bench VALUES ($1, $2)").bind(number).bind(content.as_str());
        insert.execute(&mut *transaction).await?;
        transaction.commit().await?;
        if number >= WARMING_UP {
            selects.push(selected - start);
            inserts.push(selected.elapsed());
        }
    }
    connection.close().await?;
    for (what, latencies) in [
        ("  `SELECT 1` without the endpoint, p50", selects),
        ("  `BEGIN`, `INSERT`, `COMMIT` without it, p50", inserts),
    ] {
        goals.told(what, format!("{} ms", milliseconds(Measured::of(latencies).percentile(0.5))), "");
    }
    Ok(())
}
