from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Answer",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("student", models.CharField(max_length=100)),
                ("text", models.TextField()),
                ("graded", models.BooleanField(default=False)),
            ],
        ),
    ]
