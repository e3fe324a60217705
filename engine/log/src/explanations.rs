//! What `spotlight explain` says about the codes of this crate. A catalogue: one entry, one shape.

use batch::{Code, Explanation};

use crate::LogError;

/// The codes that this crate raises.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: Code("E5301"),
        title: "the data folder is in use",
        why: "Another process holds the lock of this data folder. Two writers would each believe that they alone give \
              out offsets, so the second one does not start. Nothing was read or written.",
        remedy: "Stop the other process, or give this one a folder of its own with `--data DIR`. The lock goes when its \
                 process ends, however it ends: there is no file to delete.",
    },
    Explanation {
        code: Code("E5302"),
        title: "the data folder has another format",
        why: "The file `format` in the log's folder names a format that this program does not read, or the folder holds \
              a store without that file. Nothing was read or written.",
        remedy: "Use the version of the program that wrote the folder; CHANGELOG.md says which version reads which \
                 format. To start with nothing instead, give another folder with `--data DIR`.",
    },
    Explanation {
        code: Code("E5303"),
        title: "stored data is damaged",
        why: "A block of records does not match its checksum, is not where it should be, or the store's file is not \
              readable. Records of that partition from the named place on cannot be trusted, so nothing is read past \
              it and nothing is skipped.",
        remedy: "Check the disk, then bring the whole data folder back from a copy that was made while no process used \
                 it. Without a copy, start with a new folder: the feeds are read again from their publishers.",
    },
    Explanation {
        code: Code("E5304"),
        title: "the log's store failed",
        why: "The disk of the data folder is full, a quota or a limit on the size of files is reached, or the disk \
              failed. A transaction is written whole or not at all: what was to be done is undone, and what was \
              committed before stays. Commands that send many dead letters back do so in parts, each whole.",
        remedy: "Make room on the disk of the data folder (`--data`), or lift the limit, then give the same command \
                 again: it goes on with what is left. A run waits, and goes on by itself once there is room.",
    },
    Explanation {
        code: Code("E5305"),
        title: "a topic has another number of partitions",
        why: "Each key has a partition, which follows from their number. In a topic that is there it cannot be changed: \
              later records of a key would stand in another partition than the earlier ones, and no order would hold \
              between them. Nothing was read or written.",
        remedy: "Write `partitions:` in the topology as the topic has them. If another number is wanted, write to a topic \
                 of another name, and let its readers read that one.",
    },
];

impl LogError {
    /// The code under which people find more about this error, if it is one that they can mend.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::InUse => Some(Code("E5301")),
            Self::Format { .. } => Some(Code("E5302")),
            Self::Damaged(_) => Some(Code("E5303")),
            Self::Store(_) => Some(Code("E5304")),
            Self::Partitions { .. } => Some(Code("E5305")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EXPLANATIONS;
    use crate::LogError;

    #[test]
    fn every_code_of_an_error_is_explained() {
        let errors = [
            LogError::InUse,
            LogError::Format { found: "spotlight-log 9".into(), wanted: 1 },
            LogError::Damaged("block 7".into()),
            LogError::Store(Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull))),
            LogError::Partitions { topic: "feed.rows".into(), found: 4, wanted: 6 },
        ];
        for error in errors {
            let code = error.code().expect("people can mend it");
            assert!(EXPLANATIONS.iter().any(|explanation| explanation.code == code), "{code} is not explained");
        }
        assert_eq!(LogError::Fenced.code(), None);
    }
}
