use super::*;
use crate::command::Said;
use proptest::prelude::*;

const RECORDED: [&str; 4] = [
    include_str!("../recorded/sqlmigrate-2.2.28.txt"),
    include_str!("../recorded/sqlmigrate-3.2.25.txt"),
    include_str!("../recorded/sqlmigrate-4.2.30.txt"),
    include_str!("../recorded/sqlmigrate-5.2.19.txt"),
];

fn printed(stdout: &str) -> Said {
    Said { exit: 0, stdout: stdout.to_owned(), stderr: String::new() }
}

fn statements(text: &str) -> Vec<Statement> {
    read(&printed(text)).expect("statements")
}

fn changes(statement: &str) -> Vec<Change> {
    let mut read = statements(&format!("{statement};\n"));
    assert_eq!(read.len(), 1, "{statement}");
    read.remove(0).changes
}

fn column(name: &str, kind: &str, nullable: Option<bool>) -> Column {
    Column { name: name.to_owned(), kind: Kind::new(kind), nullable, has_more: false }
}

fn add(table: &str, column: Column) -> Change {
    Change::AddColumn { table: table.to_owned(), column }
}

fn index(table: &str, index: &str, columns: &[&str]) -> Change {
    Change::AddIndex {
        table: table.to_owned(),
        index: index.to_owned(),
        columns: columns.iter().copied().map(str::to_owned).collect(),
    }
}

#[test]
fn everything_that_four_generations_of_django_write_is_understood() {
    for text in RECORDED {
        let statements = statements(text);
        let unknown: Vec<&Reason> = statements
            .iter()
            .flat_map(|statement| &statement.changes)
            .filter_map(|change| match change {
                Change::Unknown(reason) => Some(reason),
                _ => None,
            })
            .collect();
        let (update, insert) = (Reason::Rows("UPDATE".to_owned()), Reason::Rows("INSERT".to_owned()));
        assert_eq!(unknown, [&update, &Reason::Python, &update, &insert]);
    }
}

#[test]
fn a_step_in_python_is_named_as_django_names_it_and_is_in_its_place() {
    for text in RECORDED {
        let statements = statements(text);
        let at = statements.iter().position(|one| one.changes == [Change::Unknown(Reason::Python)]).expect("a step");
        assert_eq!(statements[at].text, "Raw Python operation");
        assert!(statements[at - 1].text.starts_with("CREATE INDEX `grades_grade_flag"), "{}", statements[at - 1].text);
        assert!(statements[at + 1].text.contains("`when`"), "{}", statements[at + 1].text);
    }
}

#[test]
fn a_new_table_has_its_columns() {
    let Change::CreateTable { table, columns, .. } = &statements(RECORDED[3])[0].changes[0] else { panic!("no table") };
    assert_eq!(table, "grades_attempt");
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "grade_id", "code", "share", "count", "extra"]);
    assert_eq!(columns[3], column("share", "decimal(5,2)", Some(false)));
    assert_eq!(columns[4].kind, Kind::new("int(10) unsigned"));
}

#[test]
fn several_clauses_of_one_statement_are_several_changes() {
    assert_eq!(
        changes(
            "ALTER TABLE `g` ADD COLUMN `a_id` bigint NULL , ADD CONSTRAINT `fk` FOREIGN KEY (`a_id`) REFERENCES `a`(`id`)"
        ),
        [
            add("g", column("a_id", "bigint", Some(true))),
            Change::AddConstraint { table: "g".to_owned(), constraint: "fk".to_owned() },
        ]
    );
    assert_eq!(
        changes("alter table g add (a int, b decimal(5, 2) not null), add unique index i (a, b(10)), drop column c"),
        [
            add("g", column("a", "int", None)),
            add("g", column("b", "decimal(5,2)", Some(false))),
            index("g", "i", &["a", "b"]),
            Change::DropColumn { table: "g".to_owned(), column: "c".to_owned() },
        ]
    );
}

#[test]
fn quoted_names_keep_their_dots_and_backticks_and_databases_are_left_out() {
    assert_eq!(
        changes("ALTER TABLE `site`.`g` ADD COLUMN `code``.v2` varchar(9) NULL"),
        [add("g", column("code`.v2", "varchar(9)", Some(true)))]
    );
    assert_eq!(
        changes("RENAME TABLE site.a TO b, `c` TO site.`d`"),
        [("a", "b"), ("c", "d")].map(|(from, to)| Change::RenameTable { from: from.to_owned(), to: to.to_owned() })
    );
}

#[test]
fn a_column_that_is_changed_under_another_name_is_renamed_too() {
    let (table, after) = ("g".to_owned(), column("at", "datetime(6)", Some(true)));
    assert_eq!(
        changes("ALTER TABLE `g` CHANGE `when` `at` datetime(6) NULL"),
        [
            Change::RenameColumn { table: table.clone(), from: "when".to_owned(), to: "at".to_owned() },
            Change::ModifyColumn { table, column: after },
        ]
    );
}

#[test]
fn what_else_is_said_of_a_column_is_noticed() {
    let more = |definition: &str| match &changes(&format!("ALTER TABLE g MODIFY c {definition}"))[0] {
        Change::ModifyColumn { column, .. } => (column.nullable, column.has_more),
        other => panic!("{other:?}"),
    };
    assert_eq!(more("varchar(9) NOT NULL"), (Some(false), false));
    assert_eq!(more("varchar(9) DEFAULT NULL"), (None, true));
    assert_eq!(more("varchar(9) COLLATE utf8mb4_bin NULL"), (Some(true), true));
    assert_eq!(more("varchar(9) COMMENT 'a, NOT NULL; b' NULL"), (Some(true), true));
    assert_eq!(more("int CHECK (`c` >= 0) NOT NULL"), (Some(false), true));
}

#[test]
fn indexes_and_constraints_are_told_apart() {
    let drop = |index: &str| Change::DropIndex { table: "g".to_owned(), index: index.to_owned() };
    let constraint = Change::DropConstraint { table: "g".to_owned(), constraint: "c".to_owned() };
    for (statement, change) in [
        ("CREATE UNIQUE INDEX `i` ON `g` (`a`, (lower(`b`)))", index("g", "i", &["a"])),
        ("ALTER TABLE g ADD CONSTRAINT i UNIQUE (a)", index("g", "i", &["a"])),
        ("ALTER TABLE g ADD CONSTRAINT p PRIMARY KEY (a)", index("g", "PRIMARY", &["a"])),
        ("ALTER TABLE g DROP PRIMARY KEY", drop("PRIMARY")),
        ("DROP INDEX `i` ON `g`", drop("i")),
        ("ALTER TABLE g DROP INDEX i", drop("i")),
        ("ALTER TABLE g DROP FOREIGN KEY c", constraint.clone()),
        ("ALTER TABLE g DROP CONSTRAINT IF EXISTS c", constraint.clone()),
        ("ALTER TABLE g DROP CHECK c", constraint),
    ] {
        assert_eq!(changes(statement), [change], "{statement}");
    }
}

#[test]
fn what_is_not_understood_is_unknown_and_hides_no_other_clause() {
    let unknown = |words: &str| Change::Unknown(Reason::NotUnderstood(words.to_owned()));
    assert_eq!(changes("SET FOREIGN_KEY_CHECKS = 0"), [unknown("SET")]);
    assert_eq!(changes("CREATE TABLE a LIKE b"), [unknown("CREATE")]);
    assert_eq!(changes("CREATE TABLE a (b int) SELECT 1"), [unknown("CREATE")]);
    assert_eq!(changes("/*!40101 DROP TABLE a */"), [unknown("it")]);
    assert_eq!(
        changes("ALTER TABLE g ENGINE = InnoDB, DROP c"),
        [unknown("ALTER TABLE ENGINE ..."), Change::DropColumn { table: "g".to_owned(), column: "c".to_owned() }]
    );
    for nameless in ["INDEX (a)", "FOREIGN KEY (a) REFERENCES b(c)", "CHECK (a > 0)"] {
        assert!(matches!(changes(&format!("ALTER TABLE g ADD {nameless}"))[..], [Change::Unknown(_)]), "{nameless}");
    }
}

#[test]
fn types_are_compared_as_databases_list_them() {
    for (written, listed) in [
        ("integer", "int(11)"),
        ("integer UNSIGNED", "int(10) unsigned"),
        ("bool", "tinyint(1)"),
        ("numeric(5, 2)", "decimal(5,2)"),
        ("double precision", "double"),
        ("VARCHAR(20)", "varchar(20)"),
    ] {
        assert_eq!(Kind::new(written).is_same(&Kind::new(listed)), Some(true), "{written}");
    }
    assert_eq!(Kind::new("varchar(20)").is_same(&Kind::new("varchar(90)")), Some(false));
    assert_eq!(Kind::new("json").is_same(&Kind::new("longtext")), None);
    assert_eq!(Kind::new("character").is_same(&Kind::new("varchar(20)")), None);
}

#[test]
fn a_migration_has_no_statements_only_if_django_says_so() {
    assert_eq!(statements("BEGIN;\nCOMMIT;\n"), []);
    assert_eq!(statements("--\n-- Change Meta options on Grade\n--\n-- (no-op)\n"), []);
    let said = |stderr: &str| Said { stderr: stderr.to_owned(), ..printed("\n") };
    assert_eq!(read(&said("No operations found.\n")), Ok(Vec::new()));
    assert!(matches!(read(&said("")), Err(NotRead::Nothing(_))));
    let failed = Said { exit: 1, stderr: "CommandError: no such app".to_owned(), ..printed("BEGIN;\nCOMMIT;\n") };
    assert!(matches!(read(&failed), Err(NotRead::Failed { exit: 1, .. })));
}

proptest! {
    #[test]
    fn output_that_was_cut_off_never_has_another_statement(which in 0..4_usize, cut in 0.0..1.0) {
        let text = RECORDED[which];
        let cut = (text.len() as f64 * cut) as usize;
        if let Ok(part) = read(&printed(&text[..text.floor_char_boundary(cut)])) {
            prop_assert!(!text.starts_with("BEGIN"));
            prop_assert_eq!(&part[..], &statements(text)[..part.len()]);
        }
    }

    #[test]
    fn no_text_stops_the_reader(text in "([a-zA-Z(),;`'\"*/#. -]|ALTER TABLE |ADD |DROP |CREATE TABLE |\n){0,60}") {
        let _ = read(&printed(&text));
        let _ = read(&printed(&format!("{text};\n")));
    }
}
