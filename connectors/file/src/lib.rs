//! Documents from folders and globs, watched or once.
