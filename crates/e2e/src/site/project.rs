//! The files of the Django project.
