//! What runs in the child process: loads the library and hands the thread over to it.
//!
//! The library is ClickHouse with two C functions of interest, declared in chDB's `chdb.h`:
//! `chdb_result *chdb_query_cmdline(int argc, char **argv)` runs `clickhouse local` with these arguments and returns when
//! its queries have ended, and `const char *chdb_result_error(chdb_result *)` says why it failed, or null. It can be started
//! once in a process, and leaves threads behind when it ends; so the process does nothing else.
//!
//! This is the only module of the crate with unsafe code.

use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::configuration::Files;

/// The arguments of [`serve`], in order.
pub const SERVE_USAGE: &str = "LIBRARY FOLDER PORT";

/// The stack of the thread that the library runs on. With the usual 2 MB deep queries overflow it.
const STACK: usize = 8 << 20;

/// Why the child ended other than by the end of its input.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The arguments are not those of [`SERVE_USAGE`].
    #[error("the arguments are {SERVE_USAGE}")]
    Usage,
    /// The library could not be loaded.
    #[error("cannot load {library}")]
    Load {
        /// The library's file.
        library: PathBuf,
        /// What the loader says.
        #[source]
        source: libloading::Error,
    },
    /// No thread could be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The thread panicked.
    #[error("the thread of the server panicked")]
    Panicked,
    /// ClickHouse ended with an error.
    #[error("ClickHouse ended: {0}")]
    Ended(String),
}

/// Serves until standard input ends. To be called in a process of its own, as its last act.
///
/// # Errors
/// If the server could not start or ended by itself.
pub fn serve(arguments: Vec<OsString>) -> Result<(), ServeError> {
    let [library, folder, port] = <[OsString; 3]>::try_from(arguments).map_err(|_| ServeError::Usage)?;
    let library = PathBuf::from(library);
    let arguments = command_line(Path::new(&folder), port)?;
    let thread = std::thread::Builder::new().name("clickhouse".to_owned()).stack_size(STACK);
    let running = thread.spawn(move || run(&library, &arguments)).map_err(ServeError::Thread)?;
    running.join().map_err(|_| ServeError::Panicked)?
}

fn command_line(folder: &Path, port: OsString) -> Result<Vec<CString>, ServeError> {
    let files = Files::in_folder(folder);
    let words: [OsString; 12] = [
        "clickhouse".into(),
        "--path".into(),
        files.server.into(),
        "--listen_host".into(),
        "127.0.0.1".into(),
        "--http_port".into(),
        port,
        "--config-file".into(),
        files.config.into(),
        "--queries-file".into(),
        files.start.into(),
        // Read to its end before it is run, and it never holds anything: this is what keeps the server up.
        "/dev/stdin".into(),
    ];
    words.into_iter().map(|word| CString::new(word.into_vec()).map_err(|_| ServeError::Usage)).collect()
}

type QueryCommandLine = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;
type ResultError = unsafe extern "C" fn(*mut c_void) -> *const c_char;

#[expect(unsafe_code, reason = "a C library can be loaded and called in no other way")]
fn run(library: &Path, arguments: &[CString]) -> Result<(), ServeError> {
    let failed = |source| ServeError::Load { library: library.to_owned(), source };
    // SAFETY: loading runs the library's own initialisers; the file was verified by its checksum when it was fetched. It
    // is never unloaded (`forget`), because its threads outlive the call.
    let loaded = unsafe { libloading::Library::new(library) }.map_err(failed)?;
    // SAFETY: the types are those of chDB's header, quoted in the module's prose.
    let query = *unsafe { loaded.get::<QueryCommandLine>(c"chdb_query_cmdline") }.map_err(failed)?;
    // SAFETY: as above.
    let error = *unsafe { loaded.get::<ResultError>(c"chdb_result_error") }.map_err(failed)?;
    std::mem::forget(loaded);
    let mut pointers: Vec<*mut c_char> = arguments.iter().map(|word| word.as_ptr().cast_mut()).collect();
    let count = c_int::try_from(pointers.len()).map_err(|_| ServeError::Usage)?;
    pointers.push(std::ptr::null_mut());
    // SAFETY: `pointers` holds `count` texts that end with 0 and live until after the call, and a null after them as
    // `argv` has; the library reads them and does not write.
    let result = unsafe { query(count, pointers.as_mut_ptr()) };
    if result.is_null() {
        return Err(ServeError::Ended("no result".to_owned()));
    }
    // SAFETY: `result` came from the library, is not null and was not freed.
    let text = unsafe { error(result) };
    if text.is_null() {
        return Ok(());
    }
    // SAFETY: a text that is not null ends with 0 and belongs to `result`, which is never freed.
    let text = unsafe { CStr::from_ptr(text) };
    Err(ServeError::Ended(batch::bounded(&text.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::{ServeError, serve};

    #[test]
    fn wrong_arguments_and_a_missing_library_are_errors() {
        assert!(matches!(serve(vec!["one".into()]), Err(ServeError::Usage)));
        let missing = vec!["/nonexistent/libchdb.so".into(), "/nonexistent".into(), "1".into()];
        assert!(matches!(serve(missing), Err(ServeError::Load { .. })));
    }
}
