//! The program: reads its settings, runs one command, ends with its status.

use std::process::ExitCode;

use sas_endpoint::command;
use sas_endpoint::config::{Cli, Command};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let cli = match Cli::read(arguments.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if matches!(cli.command, None | Some(Command::Serve)) {
        command::execute_with_settings(&arguments);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            command::tell_failure(&error);
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command::run(cli)) {
        Ok(status) => status,
        Err(error) => {
            command::tell_failure(&error);
            ExitCode::FAILURE
        }
    }
}
