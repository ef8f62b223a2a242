from django.db import models


class Answer(models.Model):
    student = models.CharField(max_length=100)
    text = models.TextField()
    graded = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["student"], name="answer_student")]
