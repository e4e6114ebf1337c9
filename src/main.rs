//! The program: reads its settings, runs one command, and exits with its status.

use std::process::ExitCode;

use sas_endpoint::command;
use sas_endpoint::config::{Cli, Command};

/// Faster than glibc's with many threads. SQLite and TLS allocate with it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Maximum worker threads of the runtime.
const MAX_WORKERS: usize = 32;

/// Maximum threads for blocking work: reading files, validating large bodies.
const MAX_BLOCKING_THREADS: usize = 64;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let cli = match Cli::read(arguments.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => return command::report_usage_error(&error),
    };
    if matches!(cli.command, None | Some(Command::Serve)) {
        command::execute_with_setting(&arguments);
    }
    // The systemd units and compositions allow 256 tasks, which include one thread per SQLite connection.
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            command::report_failure(&error);
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command::run(cli)) {
        Ok(status) => status,
        Err(error) => {
            command::report_failure(&error);
            ExitCode::FAILURE
        }
    }
}
