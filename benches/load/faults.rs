//! What the possibility of a fault costs writes while none is armed, on SQLite.

use std::time::Duration;

use super::Failure;
use super::pairs::Pairs;
use super::shared::goals::Goals;

/// Throughput where faults may be armed, of that where none may.
pub async fn cost(duration: Duration) -> Result<Goals, Failure> {
    let mut goals = Goals::default();
    for connections in [64, 1] {
        let pairs = Pairs::measure([("SAS_FAULTS", "off"), ("SAS_FAULTS", "on")], connections, duration).await?;
        goals.told(&format!("connections: {connections}; faults off / on, none armed"), pairs.text(), "");
        let share = pairs.share();
        goals.judged("  throughput, of that with faults off", format!("{share:.0} %"), "≥ 98 %", share >= 98.0);
    }
    Ok(goals)
}
