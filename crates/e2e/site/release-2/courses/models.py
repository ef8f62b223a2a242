from django.db import models


class Enrollment(models.Model):
    student = models.CharField(max_length=100)
    course = models.CharField(max_length=100)
    mode = models.CharField(max_length=20, default="audit")


class Certificate(models.Model):
    enrollment = models.ForeignKey(Enrollment, on_delete=models.CASCADE)
