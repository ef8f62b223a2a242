import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("courses", "0001_initial")]
    operations = [
        migrations.AddField("enrollment", "mode", models.CharField(default="", max_length=20)),
        migrations.CreateModel(
            "Certificate",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("enrollment", models.ForeignKey("courses.enrollment", django.db.models.deletion.CASCADE)),
            ],
        ),
    ]
