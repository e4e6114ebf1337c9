//! The setting of the allocator, which it reads only from the environment of a starting process.
//!
//! By default mimalloc keeps freed memory for a second, and returns it only when it is used again: after a hundred bodies
//! of 1 MiB, an idle server would keep them. `make faults` measures the memory.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// <https://microsoft.github.io/mimalloc/environment.html>: freed memory is returned at once.
const SETTING: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "0");

/// Set for the second execution, which prevents a third if the loader removes the setting.
const EXECUTED: &str = "_SAS_ENDPOINT_EXECUTED";

/// Executes the program again with the setting, in the same process. Returns if the environment has it already, or if
/// execution fails: the program then works, but uses more memory.
pub fn execute_with_setting(arguments: &[OsString]) {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let [name, arguments @ ..] = arguments else { return };
    if is_set(EXECUTED) || is_set(SETTING.0) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // `exec` returns only on failure.
        let _ = Command::new(program).arg0(name).args(arguments).envs([SETTING]).env(EXECUTED, "1").exec();
    }
}
