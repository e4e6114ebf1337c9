//! The inputs of a load.

use std::path::PathBuf;

/// Where resources are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file: plain, gzip or zstd.
    File(PathBuf),
    /// Standard input, of the same forms.
    Standard,
}

impl Input {
    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Standard => "standard input".to_owned(),
        }
    }
}
