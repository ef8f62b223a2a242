from django.db import models


class Enrollment(models.Model):
    student = models.CharField(max_length=100)
    course = models.CharField(max_length=100)
