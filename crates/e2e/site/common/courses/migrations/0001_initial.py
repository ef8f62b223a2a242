from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Enrollment",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("student", models.CharField(max_length=100)),
                ("course", models.CharField(max_length=100)),
            ],
        ),
    ]
