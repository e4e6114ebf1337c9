//! Settings of glibc's allocator, which only the environment of a starting process can give.
//!
//! By default glibc raises the size from which it asks the system for memory of its own with each large block that is
//! freed, and has an arena for each thread: what a hundred bodies of 1 MiB, or a page of 9 MB, have needed is kept for
//! good. SQLite allocates by it whatever allocator Rust uses. `make faults` shows the memory of both.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// mallopt(3): fixed thresholds from which a block is mapped by itself and from which freed memory is given back, in
/// bytes; and the number of arenas.
const SETTINGS: [(&str, &str); 3] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072"), ("MALLOC_ARENA_MAX", "2")];

/// Says that this process was executed with the settings: where the loader removes those, it is not executed again.
const EXECUTED: &str = "_SAS_ENDPOINT_EXECUTED";

/// Executes the program again in this process, with the settings, unless the environment has one of them already.
/// Returns where that is so, or cannot be done: the program then keeps more memory, and works.
pub fn execute_with_settings(arguments: &[OsString]) {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let [name, arguments @ ..] = arguments else { return };
    if !cfg!(target_env = "gnu") || is_set(EXECUTED) || SETTINGS.iter().any(|(name, _)| is_set(name)) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // It returns an error, or not at all.
        let _ = Command::new(program).arg0(name).args(arguments).envs(SETTINGS).env(EXECUTED, "1").exec();
    }
}
