//! The program: reads its settings, runs one command, ends with its status.

use std::process::ExitCode;

use sas_endpoint::command;
use sas_endpoint::config::Cli;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sas-endpoint: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command::run(cli)) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("sas-endpoint: {error}");
            ExitCode::FAILURE
        }
    }
}
