from django.db import migrations, models


def fill(apps, schema_editor):
    enrollments = apps.get_model("courses", "Enrollment").objects.using(schema_editor.connection.alias)
    enrollments.filter(mode="").update(mode="audit")


class Migration(migrations.Migration):
    dependencies = [("courses", "0002_modes_and_certificates")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField("enrollment", "mode", models.CharField(default="audit", max_length=20)),
    ]
