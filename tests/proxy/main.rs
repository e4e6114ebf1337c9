//! The shipped configuration of nginx, in a real nginx, before the real program: who gets through, what is told to
//! whom, and what happens while an instance is restarted.

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../program/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod callers;
mod deployment;
mod nginx;
mod own_answers;
mod repetition;
mod restart;
mod spoofing;
