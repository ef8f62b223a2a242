//! What the statements of a migration make and remove, as data.
//!
//! Names are as they were printed, without quotes. A name of a database in front of a table's is left out.

/// A statement of a migration, or a step that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement on one line, without its semicolon; or Django's words for an operation that is no SQL.
    pub text: String,
    /// What it changes; at least one.
    pub changes: Vec<Change>,
}

/// One thing that a statement changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A table is made.
    CreateTable {
        /// Its name.
        table: String,
        /// Its columns.
        columns: Vec<Column>,
        /// The indexes with names of their own, also those of unique constraints.
        indexes: Vec<String>,
        /// The foreign keys and checks with names of their own.
        constraints: Vec<String>,
    },
    /// A table is dropped.
    DropTable {
        /// Its name.
        table: String,
    },
    /// A table gets another name.
    RenameTable {
        /// Its old name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// A column is added.
    AddColumn {
        /// The table.
        table: String,
        /// The column.
        column: Column,
    },
    /// A column is dropped.
    DropColumn {
        /// The table.
        table: String,
        /// The column's name.
        column: String,
    },
    /// A column gets another definition.
    ModifyColumn {
        /// The table.
        table: String,
        /// The column as it will be.
        column: Column,
    },
    /// A column gets another name.
    RenameColumn {
        /// The table.
        table: String,
        /// Its old name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// A column gets or loses the value that it has if none is given.
    AlterDefault {
        /// The table.
        table: String,
        /// The column's name.
        column: String,
    },
    /// An index is added, or a unique constraint, which MySQL keeps as an index.
    AddIndex {
        /// The table.
        table: String,
        /// Its name; `PRIMARY` for the primary key.
        index: String,
        /// The columns that it covers; expressions are left out.
        columns: Vec<String>,
    },
    /// An index or a unique constraint is dropped.
    DropIndex {
        /// The table.
        table: String,
        /// Its name.
        index: String,
    },
    /// An index gets another name.
    RenameIndex {
        /// The table.
        table: String,
        /// Its old name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// A foreign key or a check is added.
    AddConstraint {
        /// The table.
        table: String,
        /// Its name.
        constraint: String,
    },
    /// A foreign key or a check is dropped.
    DropConstraint {
        /// The table.
        table: String,
        /// Its name.
        constraint: String,
    },
    /// What it changes cannot be told.
    Unknown(Reason),
}

/// Why a change cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Python code runs, so the operation cannot be written as SQL.
    Python,
    /// It changes rows, with `UPDATE` for example. No schema shows that.
    Rows(String),
    /// The statement is not understood. It begins with this word.
    NotUnderstood(String),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Python => out.write_str("RunPython"),
            Self::Rows(verb) => write!(out, "{verb} of rows"),
            Self::NotUnderstood(word) => write!(out, "{word} is not understood"),
        }
    }
}

/// A column as a statement defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be NULL, if that is said.
    pub nullable: Option<bool>,
    /// Whether more is said than its type and NULL, such as a collation or a comment.
    pub has_more: bool,
}

/// The type of a column, in the one form that statements and lists of columns have in common: `integer` and `int(11)` are
/// both `int`, `numeric(5, 2)` is `decimal(5,2)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind(String);

impl Kind {
    /// A type as it is written in a statement or listed by a database.
    #[must_use]
    pub fn new(written: &str) -> Self {
        let compact: String = written.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
        let compact = compact.replace(" (", "(").replace("( ", "(").replace(", ", ",").replace(" )", ")");
        let end = compact.find(['(', ' ']).unwrap_or(compact.len());
        let (word, rest) = compact.split_at(end);
        let rest = rest.strip_prefix(" precision").unwrap_or(rest);
        let word = match word {
            "integer" | "int4" => "int",
            "bool" | "boolean" => "tinyint",
            "numeric" | "dec" | "fixed" => "decimal",
            "real" | "float8" => "double",
            other => other,
        };
        // The display width of an integer is only printed by some servers, and means nothing.
        let rest = match word {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
                rest.split_once(')').map_or(rest, |(_, rest)| rest)
            }
            _ => rest,
        };
        Self([word, rest].concat())
    }

    /// Whether both are the same type, if that can be told: MariaDB lists `json` as `longtext`, and types that Django does not
    /// use may have other names in lists.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> Option<bool> {
        let is_json = |kind: &Self| matches!(kind.0.as_str(), "json" | "longtext");
        match self == other {
            true => Some(true),
            false if is_json(self) && is_json(other) => None,
            false => (self.is_usual() && other.is_usual()).then_some(false),
        }
    }

    /// Whether it is a type that Django's fields have.
    fn is_usual(&self) -> bool {
        USUAL.contains(&self.0.split(['(', ' ']).next().unwrap_or_default())
    }
}

const USUAL: [&str; 21] = [
    "bigint",
    "binary",
    "char",
    "date",
    "datetime",
    "decimal",
    "double",
    "float",
    "int",
    "json",
    "longblob",
    "longtext",
    "mediumint",
    "mediumtext",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyint",
    "uuid",
    "varchar",
];

impl std::fmt::Display for Kind {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}
