//! The console in a real browser: every page in both languages, wide and narrow, light and dark, and what people do there.
//!
//! Needs Debian's chromium, chromium-driver and fonts-dejavu-core. `SAS_TEST_BROWSER=required` turns their absence from a
//! remark into a failure, `skip` leaves the suite out. Screenshots of the pages are in `target/console-screenshots`.

#[path = "../support/client.rs"]
mod client;
#[allow(dead_code)] // What the suite `webhooks` does with it besides.
#[path = "../webhooks/endpoint.rs"]
mod endpoint;
#[allow(dead_code)] // What the suite `program` does with it besides.
#[path = "../program/process.rs"]
mod process;
#[allow(unused_macros)] // No test here runs on both databases.
#[path = "../support/mod.rs"]
mod support;

mod browser;
mod check;
mod driver;
mod target;

mod actions;
mod hostile;
mod keyboard;
mod pages;
mod print;
mod sessions;
