"""The history of answers has a database of its own, as in Open edX."""

DATABASE = "student_module_history"


class HistoryRouter:
    def db_for_read(self, model, **hints):
        return DATABASE if model._meta.app_label == "history" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return (db == DATABASE) == (app_label == "history")
