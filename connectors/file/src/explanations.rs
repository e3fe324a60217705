//! The codes that reading from folders can end in, and what they mean.

use batch::{Code, Explanation};

/// The folder or file of a source is not there.
pub const NOT_THERE: Code = Code("E5421");
/// The path of a source is no valid glob.
pub const NOT_A_GLOB: Code = Code("E5422");
/// The operating system does not let us read a file or a folder.
pub const FILE_REFUSED: Code = Code("E5423");
/// Two sources of a run claim one file of the folder that they share.
pub const CLAIMED_TWICE: Code = Code("E5424");

/// What `spotlight explain` says about each code of this crate.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: NOT_THERE,
        title: "the folder or file of a source is not there",
        why: "The path under `files:` names nothing. An empty folder is fine, a missing one is not: it is usually a \
              wrong path or a disk that is not mounted, and going on would look like a publisher that publishes \
              nothing.",
        remedy: "Make the folder, mount the disk, or correct the path. Relative paths start at the nearest folder \
                 above the topology file that holds `schemas/`.",
    },
    Explanation {
        code: NOT_A_GLOB,
        title: "the path of a source is no valid glob",
        why: "A path with `*`, `?` or `[` is read as a glob. This one breaks the grammar, for example by a `[` that \
              is never closed or by `**` beside other characters.",
        remedy: "Write `*` for any part of one name, `**` for any folders, `[ab]` for one of several characters, and \
                 `[[]` for the bracket itself.",
    },
    Explanation {
        code: FILE_REFUSED,
        title: "the operating system refuses to let a file or folder be read",
        why: "Opening or reading it failed for another reason than its absence; most often its permissions. Or the path \
              names a pipe or a device, of which nobody knows when it ends. The other files of the round were still \
              taken.",
        remedy: "Give the user that runs Spotlight the right to read it, for example with `chmod a+r FILE`. What comes \
                 through a pipe is written to a file first, or given to `transform`.",
    },
    Explanation {
        code: CLAIMED_TWICE,
        title: "two sources claim one file",
        why: "A file came into the folder of `run --documents` whose name fits the `file-names` of several flows of the \
              run. Nobody can say which is meant, so none of them reads it; all other files are read. The flows look \
              again by themselves. Where such a file is there when a run starts, the run ends with 64 instead.",
        remedy: "Give the file the name under which it was published, or take it out of the folder. If the name is \
                 right, stop the run and make the patterns tell the files apart, or run the topologies one by one.",
    },
];
