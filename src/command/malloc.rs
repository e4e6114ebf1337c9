//! Settings of glibc's allocator, which it reads only from the environment of a starting process.
//!
//! By default glibc raises its mmap threshold with each large block that is freed, and has an arena per thread: memory
//! used by a hundred bodies of 1 MiB, or a page of 9 MB, is never returned to the system. SQLite uses glibc's allocator
//! whatever allocator Rust uses. `make faults` measures the memory with both settings.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// See mallopt(3): fixed thresholds in bytes for mmap and for returning freed memory, and the number of arenas.
const SETTINGS: [(&str, &str); 3] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072"), ("MALLOC_ARENA_MAX", "2")];

/// Set for the second execution, which prevents a third if the loader removes the settings.
const EXECUTED: &str = "_SAS_ENDPOINT_EXECUTED";

/// Executes the program again with the settings, in the same process. Returns if the environment has one of them already,
/// or if execution fails: the program then works, but uses more memory.
pub fn execute_with_settings(arguments: &[OsString]) {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let [name, arguments @ ..] = arguments else { return };
    if !cfg!(target_env = "gnu") || is_set(EXECUTED) || SETTINGS.iter().any(|(name, _)| is_set(name)) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // `exec` returns only on failure.
        let _ = Command::new(program).arg0(name).args(arguments).envs(SETTINGS).env(EXECUTED, "1").exec();
    }
}
