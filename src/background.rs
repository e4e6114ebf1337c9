//! Threads for work that gives way to requests.

use std::io;

use tokio::sync::oneshot;

/// Where processors are short, a thread with this nice value gets about a tenth of what one without it gets.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Runs work on a thread of its own with a lower priority, which the threads that it starts inherit.
///
/// # Errors
/// If no thread can be started, or the work panics.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    std::thread::Builder::new().name("background".to_owned()).spawn(move || {
        // Elsewhere it would be of the whole process. Where it is not allowed, the work is done nevertheless.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(NICE);
        let _ = done.send(work());
    })?;
    result.await.map_err(|_| io::Error::other("the thread panicked"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn background_thread_has_a_lower_priority_which_its_threads_inherit() {
        let nice = || rustix::process::getpriority_process(None).expect("a priority");
        let here = nice();
        let [own, inherited] =
            run(move || [nice(), std::thread::spawn(nice).join().expect("no panic")]).await.expect("run");
        assert_eq!([own, inherited], [(here + NICE).min(19); 2]);
        assert_eq!(nice(), here);
    }

    #[tokio::test]
    async fn background_work_that_panics_is_an_error() {
        run(|| panic!("of a test")).await.map(|(): ()| ()).expect_err("a panic");
    }
}
