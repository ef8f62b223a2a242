from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("history", "0001_initial")]
    operations = [migrations.AddIndex("answer", models.Index(fields=["student"], name="answer_student"))]
