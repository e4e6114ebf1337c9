//! The console as browsers and programs see it: who may look, what every answer has, and the pages.

#![allow(clippy::too_many_lines, reason = "a test may be a long table of cases")]

#[path = "../support/client.rs"]
mod client;
#[allow(dead_code)] // What the suite `webhooks` does with it besides.
#[path = "../webhooks/endpoint.rs"]
mod endpoint;
#[allow(dead_code)] // What the suite `program` does with it besides.
#[path = "../program/process.rs"]
mod process;
#[allow(dead_code)] // What the suite `webhooks` does with it besides.
#[path = "../webhooks/receiver.rs"]
mod receiver;
#[path = "../support/mod.rs"]
mod support;

mod html;
mod server;

mod admission;
mod audit_list;
mod curl;
mod directory;
mod exchange_actions;
mod exchanges;
mod faults;
mod faults_used;
mod journal;
mod live;
mod pages;
mod program;
mod resources;
mod rules;
mod sessions;
mod style;
mod validation;
mod webhooks;
