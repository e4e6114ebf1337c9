//! People scan the journal and the accounts in the console, while the platform writes.

use std::time::Duration;

use crate::ledger::{Figure, Goal, Outcome, Unit};
use crate::places::Database;
use crate::polling::{MAX_ANSWER_TIME, PAUSE, Polling, Probe, as_milliseconds, create_account, get, update_accounts};
use crate::process::{Serving, databases, on_free_ports};
use crate::scenarios::{Extent, runtime};
use crate::support::Backend;

const SCANS: usize = 20;
/// Accounts that a search by name reads.
const SEARCHED_ACCOUNTS: usize = 2_000;
/// Exchanges in the journal before the first scan, in thousands of updates.
const THOUSANDS: usize = 3;
/// Updates without and with scans, by turns: the machine is not the same from one minute to the next.
const PAIRS: usize = 5;
const UPDATES: usize = 500;
/// Of the p99 with scans to the one without.
const MAX_RATIO: f64 = 1.2;

pub fn run(backend: Backend, extent: Extent) -> Outcome {
    if extent == Extent::Short {
        return Outcome::NotRun("in the long form only: it measures durations".to_owned());
    }
    let runtime = runtime();
    let database = match runtime.block_on(Database::new(backend)) {
        Ok(database) => database,
        Err(why) => return Outcome::NotRun(why),
    };
    let settings = ["--journal", "full", "--log", "error"];
    let serving = Serving::spawn(on_free_ports(&settings).args(databases(&database.url)));
    for number in 0..SEARCHED_ACCOUNTS {
        create_account(&serving.address, number);
    }
    for _ in 0..THOUSANDS {
        update_accounts(&serving.address, 1_000, Duration::ZERO);
    }
    let scans = scans(&serving.ops_address);
    let (mut alone, mut scanned) = (Probe::default(), Probe::default());
    let (mut answered, mut refused, mut wrong, mut longest) = (0, 0, 0, Duration::ZERO);
    for _ in 0..PAIRS {
        alone.add(update_accounts(&serving.address, UPDATES, PAUSE));
        let scanning = Polling::begin(&runtime, &serving.ops_address, SCANS, &scans);
        scanning.wait_until_under_way();
        scanned.add(update_accounts(&serving.address, UPDATES, PAUSE));
        let polled = scanning.end(&runtime);
        answered += polled.answered;
        refused += polled.refused;
        wrong += polled.wrong;
        longest = longest.max(polled.longest);
    }
    let p99 = [&alone, &scanned].map(|probe| as_milliseconds(probe.percentile(99)));
    let count = |name: &str, number: usize, goal| Figure::new(name, number as f64, Unit::Count, goal);
    let mut figures = vec![
        Figure::new("account writes p99, alone", p99[0], Unit::Milliseconds, Goal::None),
        Figure::new("account writes p99, scanned", p99[1], Unit::Milliseconds, Goal::AtMost(p99[0] * MAX_RATIO)),
        Figure::duration("longest wait for a page", longest, MAX_ANSWER_TIME),
        count("scans answered 200", answered, Goal::AtLeast(1.0)),
        count("scans answered 503", refused, Goal::None),
    ];
    figures.push(Figure::exactly("account writes refused", alone.failed + scanned.failed, 0));
    figures.push(Figure::exactly("scans answered otherwise, or without Retry-After", wrong, 0));
    Outcome::Measured(figures)
}

/// Requests that read much and find nothing: a text in all bodies, a rule that nobody breaks, a name in all accounts.
fn scans(address: &str) -> [String; 3] {
    let (status, page) = get(address, "/console/exchanges");
    let token = page.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next());
    let token = token.unwrap_or_else(|| panic!("a form in the page, which was answered {status}"));
    let form = format!("csrf={token}&text=nobody+has+this+name");
    [
        format!(
            "POST /console/exchanges HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{form}",
            form.len()
        ),
        "GET /console/exchanges?rule=nobody HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        "GET /console/accounts?q=nobody HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
    ]
}
