//! A disk that is small enough to be filled.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use crate::support::folder;

/// A small file system in memory; gone when it is dropped.
pub struct SmallDisk {
    pub folder: PathBuf,
}

impl SmallDisk {
    /// One of so many megabytes; why there is none, where there is none.
    pub fn new(megabytes: usize) -> Result<Self, String> {
        let folder = folder("small-disk").keep();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(&folder);
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Self { folder }),
            _ => {
                let _ = std::fs::remove_dir(&folder);
                Err("a small tmpfs cannot be mounted (root may)".to_owned())
            }
        }
    }

    /// Takes all the room there is, until what is returned is dropped.
    pub fn fill(&self) -> Balloon {
        let path = self.folder.join("balloon");
        let mut file = std::fs::File::create(&path).expect("a file");
        for size in [1 << 16, 1 << 12, 1 << 8, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Balloon(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever was just killed may still hold it for a moment; lazily, it goes when they have gone.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// A file that fills a disk.
pub struct Balloon(PathBuf);

impl Drop for Balloon {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
