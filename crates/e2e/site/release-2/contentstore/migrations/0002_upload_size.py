from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contentstore", "0001_initial")]
    operations = [migrations.AddField("upload", "size", models.BigIntegerField(default=0))]
