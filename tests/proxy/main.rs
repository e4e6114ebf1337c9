//! The nginx configuration of deploy/, in Debian's nginx in front of the program: authentication, refusals, restarts.

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../program/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod callers;
mod console;
mod deployment;
mod faults;
mod nginx;
mod own_answers;
mod repetition;
mod restart;
mod spoofing;
