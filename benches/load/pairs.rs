//! What a setting costs conditional PUTs: two servers by turns, each with a new SQLite file.

use std::time::Duration;

use super::shared::accounts::Accounts;
use super::shared::goals::thousands;
use super::shared::measured::Measured;
use super::shared::server::Server;
use super::shared::{Failure, client};
use super::sqlite;

/// Pairs of servers.
const PAIRS: usize = 3;

/// A setting: its name and its value.
type Setting = (&'static str, &'static str);

/// What was measured with each of two settings, a number for each pair.
pub struct Pairs {
    measured: [Vec<Measured>; 2],
    /// The most memory that a server with the second setting had, in MiB.
    pub memory: f64,
}

impl Pairs {
    /// Measures so many connections to servers with each of two settings.
    pub async fn measure(settings: [Setting; 2], connections: usize, duration: Duration) -> Result<Self, Failure> {
        let mut pairs = Self { measured: [vec![], vec![]], memory: 0.0 };
        for pair in 0..PAIRS {
            // Which is first changes, as the disk may be slower at one moment than at the next.
            for which in [pair % 2, (pair + 1) % 2] {
                let database = sqlite().await?;
                let server = Server::start_configured(&database.url, &settings[which..=which]).await?;
                let measured =
                    client::put(server.address, server.process(), &mut Accounts::default(), connections, duration)?;
                if which == 1 {
                    pairs.memory = f64::max(pairs.memory, server.resident_mebibytes()?);
                }
                pairs.measured[which].push(measured);
            }
        }
        Ok(pairs)
    }

    /// The mean throughput with each setting, in requests a second.
    pub fn rates(&self) -> [f64; 2] {
        self.means(Measured::rate)
    }

    /// The mean of the medians with each setting, in milliseconds.
    pub fn p50(&self) -> [f64; 2] {
        self.means(|one| one.percentile(0.5).as_secs_f64() * 1e3)
    }

    fn means(&self, figure: fn(&Measured) -> f64) -> [f64; 2] {
        self.measured.each_ref().map(|these| these.iter().map(figure).sum::<f64>() / PAIRS as f64)
    }

    /// The throughput with the second setting, in percent of that with the first.
    pub fn share(&self) -> f64 {
        let [first, second] = self.rates();
        100.0 * second / first
    }

    /// Throughput and median with each setting.
    pub fn text(&self) -> String {
        let (rates, p50) = (self.rates().map(thousands), self.p50());
        format!("{} / {} requests/s, p50 {:.2} / {:.2} ms", rates[0], rates[1], p50[0], p50[1])
    }
}
