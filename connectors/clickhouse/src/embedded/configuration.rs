//! The files of an embedded server: its folder, its password, its users and its settings.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::client::Password;

/// The user that logs in over HTTP.
pub(super) const USER: &str = "spotlight";

/// Where each file of a server lies.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// ClickHouse's own folder.
    pub(super) server: PathBuf,
    pub(super) password: PathBuf,
    pub(super) users: PathBuf,
    pub(super) config: PathBuf,
    /// The statements that the child begins with.
    pub(super) start: PathBuf,
    /// What the child says.
    pub(super) output: PathBuf,
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self {
            server: folder.join("server"),
            password: folder.join("password"),
            users: folder.join("users.xml"),
            config: folder.join("config.xml"),
            start: folder.join("start.sql"),
            output: folder.join("output.txt"),
        }
    }

    /// Makes the folder, the password if there is none yet, and the users' file. The folder is the owner's only.
    pub(super) fn prepare(&self) -> io::Result<Password> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.server)?;
        // The server's own logs are off. Tables of logs that an older start left do not open again, and are retried without end.
        for left in ["data/system", "metadata/system"] {
            match fs::remove_dir_all(self.server.join(left)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let password = self.password()?;
        write_private(&self.users, &users(password.reveal()))?;
        write_private(&self.start, "SYSTEM START LISTEN HTTP;\n")?;
        Ok(password)
    }

    fn password(&self) -> io::Result<Password> {
        match fs::read_to_string(&self.password) {
            Ok(text) if text.trim().len() >= 32 => return Ok(Password::new(text.trim())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut random = [0_u8; 24];
        fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
        let password = hexadecimal(&random);
        write_private(&self.password, &password)?;
        Ok(Password::new(password))
    }

    /// Writes the settings of a child that runs the library.
    pub(super) fn write_library_config(&self, threads: u16) -> io::Result<()> {
        let users = xml(&self.users.to_string_lossy());
        let config = format!(
            "<clickhouse>\n    <users_config>{users}</users_config>\n    \
             <background_pool_size>{threads}</background_pool_size>\n</clickhouse>\n"
        );
        write_private(&self.config, &config)
    }

    /// Writes the settings of a full server.
    pub(super) fn write_server_config(&self, threads: u16, port: u16) -> io::Result<()> {
        let (users, server) = (xml(&self.users.to_string_lossy()), xml(&self.server.to_string_lossy()));
        let config = format!(
            "<clickhouse>\n    <path>{server}/</path>\n    <listen_host>127.0.0.1</listen_host>\n    \
             <http_port>{port}</http_port>\n    <logger><level>warning</level><console>1</console></logger>\n    \
             <user_directories><users_xml><path>{users}</path></users_xml></user_directories>\n    \
             <background_pool_size>{threads}</background_pool_size>\n</clickhouse>\n"
        );
        write_private(&self.config, &config)
    }
}

/// The users' file. `default` is the child's own session, which comes from 127.0.0.1 and has no password; anyone on the
/// machine could log in as it, so it may start to listen and nothing else.
fn users(password: &str) -> String {
    let hash = hexadecimal(&Sha256::digest(password.as_bytes()));
    let loopback = "<networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>";
    format!(
        "<clickhouse>\n    <profiles><default/></profiles>\n    <quotas><default/></quotas>\n    <users>\n        \
         <default><password></password>{loopback}\
         <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants></default>\n        \
         <{USER}><password_sha256_hex>{hash}</password_sha256_hex>{loopback}</{USER}>\n    \
         </users>\n</clickhouse>\n"
    )
}

/// Writes a file that only its owner can read, through a neighbour, so that a crash leaves the old one.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let neighbour = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&neighbour)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&neighbour, path)
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::Files;

    #[test]
    fn a_password_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().expect("folder");
        let files = Files::in_folder(folder.path());
        let first = files.prepare().expect("prepare");
        assert_eq!(first.reveal().len(), 48);
        assert!(files.prepare().expect("again") == first);
        for path in [&files.password, &files.users, &files.start] {
            assert_eq!(fs::metadata(path).expect("file").permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
        assert!(!fs::read_to_string(&files.users).expect("users").contains(first.reveal()));
        let other = tempfile::tempdir().expect("folder");
        assert!(Files::in_folder(other.path()).prepare().expect("prepare") != first);
    }
}
