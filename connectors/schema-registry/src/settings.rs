//! What a client of a registry is told.

use std::fmt;
use std::time::Duration;

/// A user and a password, which no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Login").field("user", &self.user).field("password", &"***").finish()
    }
}

/// Where a registry answers, and as whom to log in.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Its address with the path of the API, such as `https://registry:8081`. Holds no user and no password.
    pub url: String,
    /// As whom to log in.
    pub login: Option<Login>,
    /// Certificates that are trusted beside the system's (PEM, one or several).
    pub authorities: Option<Vec<u8>>,
    /// Longest wait for a whole answer. Longer makes a dead registry be noticed later, shorter fails large schemas.
    pub timeout: Duration,
}

impl RegistrySettings {
    /// Settings without a login, with a wait of 30 seconds.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), login: None, authorities: None, timeout: Duration::from_secs(30) }
    }
}
