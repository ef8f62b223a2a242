//! What the hosts of a fleet have in common.

/// A release of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// The one that is in use.
    One,
    /// The next one, which has further migrations.
    Two,
}

impl Release {
    /// What the site says of itself in `X-Release`.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
        }
    }
}

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It answers visitors: nginx, `lms`, `cms` and `xqueue`.
    Edxapp,
    /// It runs tasks: `edxapp_worker:lms_default` and `edxapp_worker:cms_default`.
    Worker,
}

/// The databases and the queues of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Its name, such as `live`.
    pub name: String,
    /// The address of the database server.
    pub database: String,
    /// The schema of the database `default`.
    pub schema: String,
    /// The schema of the database `student_module_history`.
    pub history_schema: String,
    /// Who may use both.
    pub user: String,
    /// With this password.
    pub password: String,
    /// The address of Redis.
    pub broker: String,
    /// The number of its database in Redis, which has the fleet's queues.
    pub queues: u8,
    /// Whether hosts that answer visitors run `cms` and `xqueue` besides `lms`.
    pub runs_all_programs: bool,
}
