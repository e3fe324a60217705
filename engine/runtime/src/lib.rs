//! Tasks, the landing protocol, commit, recovery, back-pressure and shutdown. The only room that spawns.
