//! Migrations that are recorded without being run, as a real Django records them. No machine is booted.

use std::path::{Path, PathBuf};
use std::process::Command;

use cutover_core::names::MigrationName;
use cutover_hosts::command::Said;
use cutover_hosts::django::{faked, in_order, pending, read};
use cutover_hosts::sequence::{self, Part};

const SETTINGS: &str = "\
SECRET_KEY = 'none'
INSTALLED_APPS = ['courses', 'grades']
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'site.db'}}
";

/// The migrations of two apps, each with what it depends on and what it does. The table `by_name` is made by hand
/// where the site needs it, and not here, so that it shows whether its migration was run.
const MIGRATIONS: &[(&str, &str, &str, &str)] = &[
    (
        "courses",
        "0001_initial",
        "",
        "migrations.CreateModel('Course', [('id', models.BigAutoField(primary_key=True))])",
    ),
    (
        "grades",
        "0001_initial",
        "('courses', '0001_initial')",
        "migrations.CreateModel('Grade', [('id', models.BigAutoField(primary_key=True))])",
    ),
    (
        "courses",
        "0002_name",
        "('courses', '0001_initial')",
        "migrations.AddField('Course', 'name', models.CharField(max_length=9, default=''))",
    ),
    (
        "courses",
        "0003_by_name",
        "('courses', '0002_name'), ('grades', '0001_initial')",
        "migrations.RunSQL('create table by_name (id integer)')",
    ),
    (
        "courses",
        "0004_run",
        "('courses', '0003_by_name')",
        "migrations.AddField('Course', 'run', models.IntegerField(default=0))",
    ),
];

struct Site {
    folder: tempfile::TempDir,
    packages: PathBuf,
}

impl Site {
    fn new() -> Self {
        let packages = std::env::var_os("CUTOVER_SITE").map(PathBuf::from);
        let packages =
            packages.expect("run the tests with `cargo xtask test`, or set CUTOVER_SITE to Django's packages");
        let site = Self { folder: tempfile::tempdir().expect("a folder"), packages };
        site.write("settings.py", SETTINGS);
        for (app, name, dependencies, operation) in MIGRATIONS {
            site.write(&format!("{app}/__init__.py"), "");
            site.write(&format!("{app}/migrations/__init__.py"), "");
            let text = format!(
                "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n    \
                 dependencies = [{dependencies}]\n    operations = [{operation}]\n"
            );
            site.write(&format!("{app}/migrations/{name}.py"), &text);
        }
        site
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    fn run(&self, words: &[String]) -> Said {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.path());
        command.env("PYTHONPATH", &self.packages).env("DJANGO_SETTINGS_MODULE", "settings");
        let output = command.output().expect("a program");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said { exit: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The parts that the job of a migration has in front of its command, because of these faked migrations.
    fn parts(&self, names: &[&str]) -> Vec<Part> {
        let names: Vec<MigrationName> = names.iter().map(|name| (*name).into()).collect();
        let list = in_order(&manage(&["showmigrations"]));
        let said = self.run(&list);
        faked::parts(&read(&said).expect("a list"), &names, &manage(&["migrate", "--noinput"]), &list).expect("known")
    }

    fn run_parts(&self, parts: &[Part]) -> Said {
        self.run(&sequence::arguments(parts))
    }

    /// What this statement selects, a line for each row.
    fn select(&self, statement: &str) -> String {
        let script = "import sqlite3, sys\nfor row in sqlite3.connect('site.db').execute(sys.argv[1]): print(*row)";
        self.run(&["python3", "-c", script, statement].map(str::to_owned)).stdout
    }
}

fn manage(arguments: &[&str]) -> Vec<String> {
    ["python3", "-m", "django"].iter().chain(arguments).map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_real_django_applies_what_comes_before_a_faked_migration_and_what_comes_after_and_only_records_that_one() {
    let (site, name) = (Site::new(), "courses.0003_by_name");
    let mut parts = site.parts(&[name]);
    parts.push(Part::command("migrate", &manage(&["migrate", "--noinput"])));
    let said = site.run_parts(&parts);
    assert_eq!(said.exit, 0, "{}{}", said.stdout, said.stderr);
    assert!(faked::was_recorded(&said.stdout, &name.into()), "{}", said.stdout);
    assert!(!faked::was_recorded(&said.stdout, &"courses.0002_name".into()), "{}", said.stdout);
    assert_eq!(site.select("select count(*) from sqlite_master where name = 'by_name'"), "0\n", "it was not run");
    assert_eq!(site.select("select count(*) from pragma_table_info('courses_course')"), "3\n", "the others were");
    assert_eq!(site.select("select count(*) from django_migrations"), "5\n");
    let listed = site.run(&manage(&["showmigrations"]));
    assert_eq!(pending(&listed).expect("a list"), []);
    assert_eq!(site.parts(&[name]), [], "it is recorded already, and naming it would reverse what comes after");
}

#[test]
fn a_real_django_records_nothing_once_something_else_is_next() {
    let site = Site::new();
    let parts = site.parts(&["courses.0003_by_name"]);
    let record = &parts[parts.len() - 2..];
    let said = site.run_parts(record);
    assert_eq!(said.exit, 1, "{}", said.stdout);
    assert!(
        said.stderr.contains("the next migration is courses.0001_initial and not courses.0003_by_name"),
        "{}",
        said.stderr
    );
    assert_eq!(site.select("select count(*) from sqlite_master where name = 'courses_course'"), "0\n");
}
